"""The command line: arguments, help, error messages."""
