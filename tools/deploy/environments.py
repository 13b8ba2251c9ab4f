"""make environments: show the variables whose values differ between the deployed environments, each with its reason."""

import base64
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
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

#: A variable's value in an environment, as JSON text, and its reason.
type Cell = tuple[str, str]


def read_reasons(tfvars: str) -> dict[str, str]:
    """Return the comment of every variable that a tfvars file sets, "" without one.

    A comment holds for the lines below it, up to the next blank line or comment.
    """
    return {
        name: " ".join(line[1:].strip() for line in comment.splitlines())
        for comment, lines in re.findall(r"((?:^#.*\n)*)((?:^[^#\n].*\n?)+)", tfvars, re.MULTILINE)
        for name in re.findall(r"^(\w+)\s*=", lines, re.MULTILINE)
    }


def read_values(environment: str, configuration: Path = CONFIGURATION) -> dict[str, Any]:
    """Return the value of every variable in an environment, defaults applied. Raises CommandError."""
    values = ", ".join(f"{name} = var.{name}" for name in declared_variables(configuration))
    # A folder with nothing but the variables needs no provider, no state and no network.
    with tempfile.TemporaryDirectory() as folder:
        for path in variable_files(configuration):
            shutil.copy(path, folder)
        file = configuration / "environments" / f"{environment}.tfvars"
        # The console prints a text as a Terraform expression, with escapes: base64 needs none.
        done = run(
            [*terraform_command(), f"-chdir={folder}", "console", f"-var-file={file}"],
            said=f"base64encode(jsonencode({{{values}}}))\n",
        )
    # The console reports a refused value and goes on.
    if done.status or "Error: " in done.errors:
        raise CommandError(
            f"terraform can't evaluate terraform/environments/{environment}.tfvars:\n{plain_text(done.errors)}"
        )
    document: dict[str, Any] = json.loads(base64.b64decode(done.output.strip().splitlines()[-1].strip('"')))
    return document


def compare(
    values: Mapping[str, Mapping[str, Any]], reasons: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Cell]]:
    """Return, for each variable that differs, a cell for each environment. Both arguments are by environment."""
    rows = {
        name: {
            environment: (
                json.dumps(values_of.get(name), sort_keys=True),
                reasons[environment].get(name, "the default") or "NO REASON GIVEN",
            )
            for environment, values_of in values.items()
        }
        # The name differs by definition.
        for name in sorted(set().union(*values.values()) - {"environment"})
    }
    return {name: cells for name, cells in rows.items() if len({value for value, _ in cells.values()}) > 1}


def read_differences(environments: Sequence[str]) -> dict[str, dict[str, Cell]]:
    """`compare` the checkout's files. Raises CommandError."""
    check_version()
    reasons = {}
    for name in environments:
        check_files(name)
        reasons[name] = read_reasons((CONFIGURATION / "environments" / f"{name}.tfvars").read_text(encoding="utf-8"))
    return compare({name: read_values(name) for name in environments}, reasons)


def show(differences: Mapping[str, Mapping[str, Cell]], environments: Sequence[str], console: Console) -> None:
    """Print the differences: a table on a terminal, Markdown elsewhere."""
    if not console.is_terminal:
        print(f"| variable | {' | '.join(environments)} |")
        print("|---" * (len(environments) + 1) + "|")
        for name, cells in differences.items():
            shown = [f"`{value}`<br>{reason}".replace("|", r"\|") for value, reason in cells.values()]
            print(f"| `{name}` | {' | '.join(shown)} |")
        return
    table = Table("variable", *environments, show_lines=True)
    for name, cells in differences.items():
        shown = [f"[bold]{escape(value)}[/]\n[dim]{escape(reason)}[/]" for value, reason in cells.values()]
        table.add_row(name, *shown)
    console.print(table)


def _main() -> None:
    environments = deployed_environments()
    show(read_differences(environments), environments, terminal.open_console())


if __name__ == "__main__":
    terminal.main("make environments", _main, interrupted="interrupted, and everything it started was ended")
