// The first source file of ApusSchedule replaces this one.
