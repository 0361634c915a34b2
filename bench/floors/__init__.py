"""Floors: the barest program that does each job, with the same database and the same Redis."""
