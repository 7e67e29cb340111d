// The first source file of ApusCompiler replaces this one.
