"""What is said when the machine lacks something."""


class Problem(Exception):
    """Something the operator has to put right: one plain sentence, with its remedy."""


class Busy(Problem):
    """Another run holds what this one needs."""
