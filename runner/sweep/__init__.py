"""Many runs from one command: planned as a whole, then run by a launcher, each in its own folder."""
