"""The error that ends a build."""


class BuildError(Exception):
    """The build can't go on. The message is one line: what is wrong, where, and what to do."""
