"""Exercises of the workshop, one file a step: read its task, write what is missing, ask ``make exercise N=5`` whether it is done."""
