"""Review the plan that make plan wrote (make review), or the JSON of any plan: `python -m tools.review <plan.json>`.

Exit status: 0 if there is no danger, or every one is accepted; 2 if there is one that is not; 1 if there was an error.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from typing import NoReturn

from tools.project import ROOT, CommandError
from tools.review.plan import PlanError
from tools.review.reading import read_document
from tools.review.review import print_page, review_document, review_environment
from tools.terminal import end


class _Parser(argparse.ArgumentParser):
    """End with status 1 for wrong arguments: status 2 is for dangers."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"make review: {message}\n")


def main(arguments: list[str]) -> None:
    """Review the plan that the arguments name, and print the page. Exits."""
    parser = _Parser(prog="review", description=__doc__)
    parser.add_argument("plan", nargs="?", help="the output of terraform show -json; - is standard input")
    parser.add_argument("--environment", help="instead: the environment whose plan make plan wrote")
    parser.add_argument("--offline", action="store_true")

    def action() -> None:
        options = parser.parse_args(arguments)
        if (options.plan is None) == (options.environment is None):
            parser.error("give the JSON of a plan, or --environment")
        today = datetime.now(UTC).date()
        try:
            if options.plan is not None:
                document = read_document(options.plan)
                page, is_dangerous = review_document(document, options.plan, ROOT, today)
            else:
                page, is_dangerous = review_environment(options.environment, today, is_offline=options.offline)
        except (PlanError, CommandError) as error:
            raise CommandError(_one_line(error)) from error
        print_page(page)
        sys.exit(2 if is_dangerous else 0)

    end("make review", action)


def _one_line(error: Exception) -> str:
    """Return Terraform's message, which stands in a frame of many lines, as one line."""
    return " ".join(re.sub(r"[╷│╵]", " ", str(error)).split())


if __name__ == "__main__":
    main(sys.argv[1:])
