"""What stops a build."""

__all__ = ["BuildError"]


class BuildError(Exception):
    """The build can't go on. The message says in one line what was wrong, where, and what to do."""
