"""One module a subject; each yields the rows of its report."""
