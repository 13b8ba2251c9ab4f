"""An environment's files in terraform/environments/: mistakes that Terraform takes, or only warns about.

Terraform itself finds the settings and their lines. In a file of configuration it refuses each as an argument that
belongs nowhere, and says which and where, whatever comments, lists and texts of several lines are around it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tools import project
from tools.explanations import explain
from tools.processes import run
from tools.project import CONFIGURATION, CommandError
from tools.terraform import document_in, plain_text, terraform_command

_DECLARATION = re.compile(r'^variable "(\w+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Setting:
    """A name that a file sets, with the line and its text."""

    name: str
    line: int
    text: str

    @property
    def value(self) -> str | None:
        """The value, if it is a text on this line."""
        found = re.match(rf'{self.name}\s*=\s*"([^"]*)"', self.text)
        return found[1] if found else None


def check_environment(name: str) -> None:
    """Raise CommandError if there is no environment of this name, or if its files are wrong."""
    project.check_environment(name)
    check_files(name)


def check_files(environment: str, configuration: Path = CONFIGURATION) -> None:
    """Raise CommandError if a file sets an unknown variable, or names another environment or its state."""
    folder = configuration / "environments"
    names = (f"{environment}.tfvars", f"{environment}.s3.tfbackend")
    files = [folder / name for name in names if (folder / name).exists()]
    problems = [
        f"terraform/environments/{file.name}, line {setting.line}: {problem}"
        for file, settings in zip(files, _read(files), strict=True)
        for setting in settings
        if (problem := _problem(environment, file, setting, configuration))
    ]
    if problems:
        raise CommandError("\n".join(problems))


def _problem(environment: str, file: Path, setting: _Setting, configuration: Path) -> str | None:
    """What is wrong with a setting, and what to do; None if nothing is known."""
    if file.suffix == ".tfvars":
        declared = declared_variables(configuration)
        if setting.name not in declared:
            near = get_close_matches(setting.name, declared, n=1)
            return f"there is no variable {setting.name}: {f'did you mean {near[0]}?' if near else 'remove it'}"
        right = {"environment": environment}
    else:
        # The only state that the roles of terraform/bootstrap may use for this environment.
        right = {"key": f"delayer/{environment}.tfstate"}
    wanted = right.get(setting.name)
    if wanted is None or setting.value in (wanted, None):
        return None
    return f'{setting.name} is "{setting.value}", and this file is for {environment}: set it to "{wanted}"'


def declared_variables(configuration: Path) -> list[str]:
    """Return the names of the variables that a configuration declares."""
    return [name for path in variable_files(configuration) for name in _DECLARATION.findall(_text(path))]


def variable_files(configuration: Path) -> list[Path]:
    """Return the files of a configuration that declare variables."""
    return [path for path in sorted(configuration.glob("*.tf")) if _DECLARATION.search(_text(path))]


def check_version(configuration: Path = CONFIGURATION) -> None:
    """Raise CommandError if the configuration does not take this Terraform. Every init says so itself."""
    required = re.search(r"required_version *=.*", _text(configuration / "versions.tf"))
    assert required
    for each in _diagnostics({"versions.tf": f"terraform {{\n{required[0]}\n}}\n"}):
        said = f"{each['summary']} {each['snippet']['code']} {each['detail']}"
        raise CommandError(explain(said, "", "terraform") or said)


def _diagnostics(files: Mapping[str, str]) -> list[Any]:
    """Return what Terraform finds wrong with a configuration of these files. Raises CommandError."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        done = run([*terraform_command(), f"-chdir={folder}", "validate", "-json"])
    try:
        return list(document_in(done.output)["diagnostics"])
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"terraform validate failed:\n{plain_text(done.errors)}") from None


def _read(files: list[Path]) -> Iterator[list[_Setting]]:
    """Yield each file's settings, in order. What is no setting is left to Terraform's own errors."""
    diagnostics = _diagnostics({f"{file.name}.tf": _text(file) for file in files})
    for file in files:
        found = [
            _Setting(name[1], each["range"]["start"]["line"], each["snippet"]["code"])
            for each in diagnostics
            if each.get("range", {}).get("filename") == f"{file.name}.tf"
            and (name := re.match(r'An argument named "([^"]+)" is not expected here', each["detail"]))
        ]
        yield sorted(found, key=lambda setting: setting.line)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
