// The first source file of ApusLLVM replaces this one.
