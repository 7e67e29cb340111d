// The first source file of ApusSpec replaces this one.
