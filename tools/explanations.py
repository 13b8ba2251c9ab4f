"""Explain known errors of Terraform in one sentence: what is wrong, and what to do. explanations.toml lists them."""

import re
import tomllib
from pathlib import Path

from tools.project import CommandError

_KNOWN = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class NoStateBucketError(CommandError):
    """The bucket for the state does not exist."""


def known_error(said: str, environment: str, terraform: str) -> CommandError | None:
    """Return a known error with its sentence, else None. `terraform` is the command for this environment."""
    unframed = " ".join(re.sub(r"\x1b\[[0-9;]*m|[╷│╵]", " ", said).split())
    for name, known in _KNOWN.items():
        if found := re.search(known["pattern"], unframed):
            kind = NoStateBucketError if name == "missing_bucket" else CommandError
            return kind(known["sentence"].format(environment=environment, terraform=terraform, **found.groupdict()))
    return None
