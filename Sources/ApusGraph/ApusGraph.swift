// The first source file of ApusGraph replaces this one.
