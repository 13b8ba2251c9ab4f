"""Explain known errors of Terraform in one sentence: what is wrong, and what to do. explanations.toml lists them."""

import re
import tomllib
from pathlib import Path

_KNOWN = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def explain(said: str, environment: str, terraform: str) -> str | None:
    """Return the sentence for a known error, else None. `terraform` is the command for this environment."""
    for name, known in _KNOWN.items():
        if found := _search(name, said):
            sentence: str = known["sentence"]
            return sentence.format(environment=environment, terraform=terraform, **found.groupdict())
    return None


def is_missing_bucket(said: str) -> bool:
    """Return whether the error is the missing bucket of the state."""
    return _search("missing_bucket", said) is not None


def _search(name: str, said: str) -> re.Match[str] | None:
    unframed = re.sub(r"\x1b\[[0-9;]*m|[╷│╵]", " ", said)
    return re.search(_KNOWN[name]["pattern"], " ".join(unframed.split()))
