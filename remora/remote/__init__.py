"""The far side: the program that runs on a host and the framing of the talk with it."""
