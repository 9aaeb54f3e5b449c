"""The same jobs, written for each client as its own documentation would have them. Each module has the same functions."""
