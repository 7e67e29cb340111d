// The first source file of Apus replaces this one.
