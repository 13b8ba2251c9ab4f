"""make environments: show the variables whose values differ between the deployed environments, each with its reason.

Terraform evaluates each environment's file with the defaults. A reason is the comment above a variable in the file; it
holds for the lines below it, up to the next blank line or comment.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tools import terminal
from tools.deploy.tfvars import check_files, check_version, declared_variables, variable_files
from tools.processes import run
from tools.project import CONFIGURATION, CommandError, deployed_environments
from tools.terraform import plain_text, terraform_command

#: Differs by definition.
_NAME = "environment"


@dataclass(frozen=True, slots=True)
class Cell:
    """A variable's value in an environment, as JSON text, and its reason, which is None for a default."""

    value: str
    reason: str | None


def read_reasons(tfvars: str) -> dict[str, str]:
    """Return the comment of every variable that a tfvars file sets; "" if it has none."""
    reasons: dict[str, str] = {}
    comment: list[str] = []
    is_in_comment = False
    for line in tfvars.splitlines():
        if line.startswith("#"):
            comment = [*comment, line[1:].strip()] if is_in_comment else [line[1:].strip()]
        elif not line.strip():
            comment = []
        elif found := re.match(r"(\w+)\s*=", line):
            reasons[found[1]] = " ".join(comment)
        is_in_comment = line.startswith("#")
    return reasons


def read_values(environment: str, configuration: Path = CONFIGURATION) -> dict[str, Any]:
    """Return the value of every variable in an environment, defaults applied. Raises CommandError."""
    names = declared_variables(configuration)
    # A folder with nothing but the variables needs no provider, no state and no network.
    with tempfile.TemporaryDirectory() as folder:
        for path in variable_files(configuration):
            shutil.copy(path, folder)
        command = [*terraform_command(), f"-chdir={folder}", "console"]
        done = run(
            [*command, f"-var-file={configuration / 'environments' / f'{environment}.tfvars'}"],
            said=f"jsonencode({{{', '.join(f'{name} = var.{name}' for name in names)}}})\n",
        )
    # The console reports a refused value and goes on.
    if done.status or "Error: " in done.errors:
        raise CommandError(
            f"terraform can't evaluate terraform/environments/{environment}.tfvars:\n{plain_text(done.errors)}"
        )
    # The console quotes a text as a Terraform expression: JSON's escapes, and two of its own.
    text = json.loads(done.output.strip().splitlines()[-1]).replace("$${", "${").replace("%%{", "%{")
    values: dict[str, Any] = json.loads(text)
    return values


def compare(
    values: Mapping[str, Mapping[str, Any]], reasons: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Cell]]:
    """Return, for each variable that differs, a cell for each environment. Both arguments are by environment."""
    names = sorted({name for values_of in values.values() for name in values_of} - {_NAME})
    rows = {
        name: {
            environment: Cell(json.dumps(values_of.get(name), sort_keys=True), reasons[environment].get(name))
            for environment, values_of in values.items()
        }
        for name in names
    }
    return {name: cells for name, cells in rows.items() if len({cell.value for cell in cells.values()}) > 1}


def read_differences(environments: Sequence[str]) -> dict[str, dict[str, Cell]]:
    """`compare` the checkout's files. Raises CommandError."""
    check_version()
    for name in environments:
        check_files(name)
    files = {name: CONFIGURATION / "environments" / f"{name}.tfvars" for name in environments}
    return compare(
        {name: read_values(name) for name in environments},
        {name: read_reasons(path.read_text(encoding="utf-8")) for name, path in files.items()},
    )


def _reason(cell: Cell) -> str:
    if cell.reason is None:
        return "the default"
    return cell.reason or "NO REASON GIVEN"


def markdown(differences: Mapping[str, Mapping[str, Cell]], environments: Sequence[str]) -> str:
    """Return the differences as a Markdown table."""
    lines = ["| variable | " + " | ".join(environments) + " |", "|---" * (len(environments) + 1) + "|"]
    for name, cells in differences.items():
        shown = [f"`{cells[each].value}`<br>{_reason(cells[each])}".replace("|", r"\|") for each in environments]
        lines.append(f"| `{name}` | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def show(differences: Mapping[str, Mapping[str, Cell]], environments: Sequence[str], console: Console) -> None:
    """Print the differences: a table on a terminal, Markdown elsewhere."""
    if not console.is_terminal:
        print(markdown(differences, environments))
        return
    table = Table("variable", *environments, show_lines=True)
    for name, cells in differences.items():
        shown = [
            f"[bold]{escape(cells[each].value)}[/]\n[dim]{escape(_reason(cells[each]))}[/]" for each in environments
        ]
        table.add_row(name, *shown)
    console.print(table)


def main(console: Console) -> bool:
    """Read and show the differences. Raises CommandError."""
    show(read_differences(deployed_environments()), deployed_environments(), console)
    return True


if __name__ == "__main__":
    terminal.run("make environments", main)
