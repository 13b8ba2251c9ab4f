"""make package-twice: build the committed code again, in a clone with a toolchain of its own, and compare the zips."""

from tools import terminal
from tools.deploy.rollback import checked_out, find_commit
from tools.processes import run
from tools.project import DIST, CommandError


def build_twice() -> None:
    """Build HEAD again and compare. Raises CommandError if the bytes differ."""
    with checked_out(find_commit("HEAD")) as checkout:
        if run(["make", "package"], folder=checkout, is_shown=True).status:
            raise CommandError("the clone was not built; see above")
        again = {path.name: path.read_bytes() for path in (checkout / "build" / "dist").glob("*.zip")}
    different = [path.name for path in sorted(DIST.glob("*.zip")) if path.read_bytes() != again.get(path.name)]
    if different:
        raise CommandError(f"{', '.join(different)} have other bytes than a clone's")
    print("Both builds gave the same bytes.")


if __name__ == "__main__":
    terminal.main("make package-twice", build_twice)
