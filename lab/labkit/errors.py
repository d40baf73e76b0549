"""The one exception whose text is meant for the user."""


class LabError(Exception):
    """A failure of the lab itself, told in one sentence; roce-lab prints it and exits with 3."""
