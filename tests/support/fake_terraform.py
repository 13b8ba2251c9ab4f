"""A program in Terraform's place."""

from pathlib import Path

from tests.support.checkouts import write_program

#: Stands in for Terraform: notes how it was called, and prints what a test has put into a file for the action.
_TERRAFORM = """
from pathlib import Path
import sys
folder = Path(__file__).parent
action = sys.argv[2]
with (folder / "calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
said = folder / f"{action}.says"
print(said.read_text() if said.exists() else "")
if (folder / f"{action}.fails").exists():
    sys.exit((folder / f"{action}.fails").read_text())
"""


class FakeTerraform:
    """A program on PATH in Terraform's place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = write_program(folder / "terraform", _TERRAFORM)
        # An environment's files are asked about first, and nothing is found.
        self.says("validate", '{"diagnostics": []}')

    def says(self, action: str, text: str) -> None:
        """From now on, this is what it prints for an action."""
        (self.folder / f"{action}.says").write_text(text)

    def fails(self, action: str, error: str) -> None:
        """From now on, this action fails."""
        (self.folder / f"{action}.fails").write_text(error)

    def calls(self, action: str) -> list[list[str]]:
        """The arguments of every call of an action, without -chdir."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        calls = [line.partition(" ")[2].split(" ") for line in lines]
        return [arguments for arguments in calls if arguments[0] == action]
