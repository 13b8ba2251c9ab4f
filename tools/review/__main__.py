"""Review the plan that make plan wrote (make review), or the JSON of any plan: `python -m tools.review <plan.json>`.

Exit status: 0 if there is no danger, or every one is accepted; 2 if there is one that is not; 1 if there was an error.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from tools import terminal
from tools.project import CommandError
from tools.review.review import print_page, review_document, review_environment

_MAKE_ONE = "run terraform show -json PLAN > plan.json, and review that"
_LOG = f"is the log of terraform plan -json, which has no values: save the plan with -out, and {_MAKE_ONE}"

#: What a text that is not JSON is, by how it begins.
_MEANINGS = {
    r"PK\x03\x04": f"is a saved plan, not its JSON: {_MAKE_ONE}",
    r"tfplan": f"is a saved plan of an old Terraform, not its JSON: {_MAKE_ONE}",
    r"\x1f\ufffd": "is compressed: unpack it with gunzip, and review the result",
    r"\s*\Z": f"is empty: {_MAKE_ONE}",
    r'\s*[^\n]*"@(level|message)"': _LOG,
    r"\[command\]|.*::debug::|\s*[^\n]*terraform-bin": (
        "begins with a line of setup-terraform's wrapper: set terraform_wrapper to false in that step"
    ),
    r"\s*(Terraform |OpenTofu |\x1b\[)": f"is a plan for people, not its JSON: {_MAKE_ONE}",
}


def main(arguments: list[str]) -> None:
    """Review the plan that the arguments name, and print the page. Exits."""
    terminal.main("make review", lambda: _review(arguments), arguments=())


def _review(arguments: list[str]) -> None:
    # Status 2, with which argparse ends, is for dangers.
    parser = argparse.ArgumentParser(prog="review", description=__doc__, exit_on_error=False)
    parser.add_argument("plan", nargs="?", help="the output of terraform show -json; - is standard input")
    parser.add_argument("--environment", help="instead: the environment whose plan make plan wrote")
    parser.add_argument("--offline", action="store_true")
    try:
        page, is_dangerous = _reviewed(parser.parse_args(arguments))
    except (argparse.ArgumentError, CommandError) as error:
        # Terraform's message stands in a frame of many lines.
        raise CommandError(" ".join(re.sub("[╷│╵]", " ", str(error)).split())) from error
    print_page(page)
    sys.exit(2 if is_dangerous else 0)


def _reviewed(options: argparse.Namespace) -> tuple[str, bool]:
    if (options.plan is None) == (options.environment is None):
        raise CommandError("give the JSON of a plan, or --environment")
    if options.plan is None:
        return review_environment(options.environment, is_offline=options.offline)
    return review_document(_read(options.plan), options.plan)


def _read(path: str) -> Any:
    source = "standard input" if path == "-" else path
    content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    try:
        document = json.loads(content.decode(json.detect_encoding(content)))
    except (RecursionError, ValueError) as error:
        raise CommandError(f"{source} {_meaning(content, error)}") from error
    # Documents that are often taken for a plan.
    members = document if isinstance(document, dict) else {}
    if "lineage" in members or ("values" in members and "planned_values" not in members):
        raise CommandError(f"{source} is a state, not a plan: {_MAKE_ONE}")
    if "@level" in members:
        raise CommandError(f"{source} {_LOG}")
    return document


def _meaning(content: bytes, error: Exception) -> str:
    text = content.decode(json.detect_encoding(content), "replace")
    for beginning, meaning in _MEANINGS.items():
        if re.match(beginning, text, re.DOTALL):
            return meaning
    if isinstance(error, UnicodeDecodeError):
        expected = "in UTF-8, as terraform show -json prints it, nor in UTF-16"
        return f"is not {expected}: did a shell write it in another encoding?"
    reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
    return f"is not JSON, as terraform show -json prints it ({reason})"


if __name__ == "__main__":
    main(sys.argv[1:])
