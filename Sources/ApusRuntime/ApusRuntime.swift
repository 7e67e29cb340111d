// The first source file of ApusRuntime replaces this one.
