"""The READMEs of the Terraform modules agree with the modules."""

import re
from pathlib import Path

import pytest

from tools.toolchain.module_readmes import Variable, modules, readme, variables


@pytest.fixture(params=modules(), ids=lambda path: path.name)
def module(request: pytest.FixtureRequest) -> Path:
    """Return each module's folder in turn."""
    return Path(request.param)


def test_readme_lists_inputs_and_outputs(module: Path) -> None:
    """`make format` writes them where they differ."""
    assert (module / "README.md").read_text() == readme(module)


def test_example_sets_declared_inputs(module: Path) -> None:
    """The example sets every required input, and none that does not exist."""
    (example,) = re.findall(r"^```hcl$(.*?)^```$", (module / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    given = set(re.findall(r"^  (\w+) +=", example, re.MULTILINE)) - {"source"}
    assert {variable.name for variable in variables(module) if variable.default is None} <= given
    assert given <= {variable.name for variable in variables(module)}


def test_every_input_is_described(module: Path) -> None:
    """A description is a sentence, and a type is not left open."""
    for _, kind, _, description in variables(module):
        assert kind != "any"
        assert description.endswith(".")


def test_declarations_are_read(tmp_path: Path) -> None:
    """Types on several lines, comments and defaults are shown on one line."""
    (tmp_path / "variables.tf").write_text("""
variable "limits" {
  description = "The \\"limits\\" | bounds."
  type = object({
    rate  = optional(number, 500)
    burst = number
  })
  default  = {}
  nullable = false

  validation {
    condition = true
  }
}

variable "days" {
  description = "Days."
  type        = number
  default     = 3653 # ten years
}

variable "name" {
  description = "A name."
  type        = string
}
""")
    assert variables(tmp_path) == [
        Variable("days", "number", "3653", "Days."),
        Variable(
            "limits", "object({ rate = optional(number, 500), burst = number })", "{}", 'The "limits" \\| bounds.'
        ),
        Variable("name", "string", None, "A name."),
    ]
