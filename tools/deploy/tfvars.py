"""An environment's files in terraform/environments/: mistakes that Terraform takes, or only warns about.

Terraform itself finds the settings and their lines: in a file of configuration it refuses each as an argument that
belongs nowhere. What is no setting is left to Terraform's own errors.
"""

import re
import tempfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tools import project
from tools.processes import run
from tools.project import CONFIGURATION, CommandError
from tools.terraform import document_in, known_error, plain_text, terraform_command

_DECLARATION = re.compile(r'^variable "(\w+)"', re.MULTILINE)


def check_environment(name: str) -> None:
    """Raise CommandError if there is no environment of this name, or if its files are wrong."""
    project.check_environment(name)
    check_files(name)


def check_files(environment: str, configuration: Path = CONFIGURATION) -> None:
    """Raise CommandError if a file sets an unknown variable, or names another environment or its state."""
    wanted = {
        f"{environment}.tfvars": {"environment": environment},
        # The only state that the roles of terraform/bootstrap may use for this environment.
        f"{environment}.s3.tfbackend": {"key": f"delayer/{environment}.tfstate"},
    }
    paths = [path for name in wanted if (path := configuration / "environments" / name).exists()]
    declared = declared_variables(configuration)
    problems = []
    for each in _diagnostics({f"{path.name}.tf": path.read_text(encoding="utf-8") for path in paths}):
        if not (found := re.match(r'An argument named "([^"]+)" is not expected here', each["detail"])):
            continue
        name, file = found[1], each["range"]["filename"].removesuffix(".tf")
        right, value = wanted[file].get(name), re.match(rf'{name}\s*=\s*"([^"]*)"', each["snippet"]["code"])
        if file.endswith(".tfvars") and name not in declared:
            near = get_close_matches(name, declared, n=1)
            problem = f"there is no variable {name}: {f'did you mean {near[0]}?' if near else 'remove it'}"
        elif right and value and value[1] != right:
            problem = f'{name} is "{value[1]}", and this file is for {environment}: set it to "{right}"'
        else:
            continue
        problems.append((file, each["range"]["start"]["line"], problem))
    if problems:
        raise CommandError(
            "\n".join("terraform/environments/{}, line {}: {}".format(*each) for each in sorted(problems))
        )


def declared_variables(configuration: Path) -> list[str]:
    """Return the names of the variables that a configuration declares."""
    texts = (path.read_text(encoding="utf-8") for path in variable_files(configuration))
    return [name for text in texts for name in _DECLARATION.findall(text)]


def variable_files(configuration: Path) -> list[Path]:
    """Return the files of a configuration that declare variables."""
    return [
        path for path in sorted(configuration.glob("*.tf")) if _DECLARATION.search(path.read_text(encoding="utf-8"))
    ]


def check_version(configuration: Path = CONFIGURATION) -> None:
    """Raise CommandError if the configuration does not take this Terraform. Every init says so itself."""
    required = re.search(r"required_version *=.*", (configuration / "versions.tf").read_text(encoding="utf-8"))
    assert required
    for each in _diagnostics({"versions.tf": f"terraform {{\n{required[0]}\n}}\n"}):
        said = f"{each['summary']} {each['snippet']['code']} {each['detail']}"
        raise known_error(said, "", "terraform") or CommandError(said)


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
