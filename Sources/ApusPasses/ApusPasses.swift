// The first source file of ApusPasses replaces this one.
