"""Run a command in this process, in a checkout of the test's own."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import terminal

#: Reads pyproject.toml, which stays this checkout's.
_LISTS = "tools.project"

_PLACES = {"CACHE": "build/work/cache", "DIST": "build/dist", "PLANS": "build/plans", "ROOT": ".", "WORK": "build/work"}
_TERRAFORM = {"CONFIGURATION": "terraform"}


def end_of(action: Callable[..., bool | None], *arguments: str, command: str = "make x") -> int:
    """Return the exit status of a command whose action gets these arguments."""
    return status_of(lambda given: terminal.main(command, action, arguments=given), *arguments)


def status_of(main: Callable[[list[str]], None], *arguments: str) -> int:
    """Return the exit status of a command."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def move_project(patch: pytest.MonkeyPatch, root: Path) -> None:
    """Let every loaded module of the tools take `root` for the checkout, and its Terraform if it has any."""
    for module in [module for name, module in sys.modules.items() if name.startswith("tools.") and name != _LISTS]:
        for name, place in (_PLACES | (_TERRAFORM if (root / "terraform").exists() else {})).items():
            if hasattr(module, name):
                patch.setattr(module, name, root / place)
