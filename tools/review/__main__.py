"""make review: review the plan that make plan wrote. `python -m tools.review <plan.json>` reviews any plan.

Exit status: 0 if there is no danger, or every danger is accepted; 2 if there is one that is not; 1 for an error.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from pathlib import Path
from typing import NoReturn

from tools.project import CommandError
from tools.review.plan import PlanError
from tools.review.review import read_file, review_environment, review_or_fail
from tools.terminal import end

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """Status 2 is for dangers, so wrong arguments are an error like others."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"make review: {message}\n")


def _one_line(error: Exception) -> str:
    """Return a message in one line, without the frame that Terraform draws around its own."""
    return " ".join(re.sub(r"[╷│╵]", " ", str(error)).split())


def _print(page: str) -> None:
    """Print a page, whatever the terminal's encoding is, and whoever stops to read before its end."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        print(page, flush=True)
    except BrokenPipeError:
        # Python would try once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: list[str]) -> None:
    """Run `make review`: a plan's JSON, or an environment whose plan make plan wrote. Exits."""
    parser = _Parser(prog="review", description=__doc__)
    parser.add_argument("plan", nargs="?", type=Path, help="the output of terraform show -json")
    parser.add_argument("--environment", help="instead: the environment whose plan make plan wrote")
    parser.add_argument("--offline", action="store_true")

    def action() -> None:
        options = parser.parse_args(arguments)
        if (options.plan is None) == (options.environment is None):
            parser.error("give the JSON of a plan, or --environment")
        try:
            if options.plan is not None:
                page, is_dangerous = review_or_fail(read_file(options.plan), str(options.plan))
            else:
                page, is_dangerous = review_environment(options.environment, is_offline=options.offline)
        except (PlanError, CommandError, OSError) as error:
            raise CommandError(_one_line(error)) from error
        _print(page)
        sys.exit(2 if is_dangerous else 0)

    end("make review", action)


if __name__ == "__main__":
    main(sys.argv[1:])
