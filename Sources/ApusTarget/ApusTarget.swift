// The first source file of ApusTarget replaces this one.
