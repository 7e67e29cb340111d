// The first source file of ApusBuffers replaces this one.
