"""A Python function as the command of a sweep: its files, its arguments, and the program that calls it."""
