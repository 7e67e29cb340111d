// The first source file of ApusMemory replaces this one.
