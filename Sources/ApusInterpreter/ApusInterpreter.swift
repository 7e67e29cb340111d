// The first source file of ApusInterpreter replaces this one.
