"""Measures the running product against floors: the least that each job could cost on this machine."""
