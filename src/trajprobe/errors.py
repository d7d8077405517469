"""Mistakes that the user can mend."""


class UserError(Exception):
    """A mistake that the user can mend, in one line: got X, expected Y, do Z. The process ends with status 2."""
