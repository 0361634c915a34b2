"""Measures answers: whether the right passages are found, on sets of real questions."""
