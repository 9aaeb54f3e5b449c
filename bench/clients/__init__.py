"""The same jobs, written for each client in the way that its own documentation does.

Each module has the same functions.
"""
