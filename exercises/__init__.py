"""Exercises of the workshop, one file for each step.

Read its task, write what is missing, and let ``make exercise N=5`` tell whether it is done.
"""
