// The first source file of ApusIR replaces this one.
