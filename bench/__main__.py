"""Measure, print one table, and exit with 1 if a count, a size or an instruction figure is out of bounds."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import bursts, cpu, levers, managing, requests, reviews, startup
from bench.processes import unpack
from bench.table import Figure, show
from tools import terminal
from tools.project import CommandError

#: By the names that ONLY takes and the table shows.
_ITEMS = {
    "requests": requests.measure,
    "managing": managing.measure,
    "cpu": cpu.measure,
    "levers": levers.measure,
    "startup": startup.measure,
    "bursts": bursts.measure,
    "reviews": reviews.measure,
    "million": bursts.measure_million,
}
#: Only if ONLY names it: it takes minutes.
_ASKED = "million"


def _measured(name: str, folder: Path) -> Iterator[Figure]:
    """Yield an item's figures. If it fails, the last one is out of bounds and holds the error."""
    try:
        yield from _ITEMS[name](folder)
    except CommandError as error:
        yield Figure("failed", str(error), "measured to the end", is_good=False)


def bench(only: str) -> bool:
    """Measure these items, or all but the longest, and return whether every figure is within its bounds."""
    names = only.split() or [name for name in _ITEMS if name != _ASKED]
    if unknown := sorted(set(names) - set(_ITEMS)):
        raise CommandError(f"ONLY has unknown items: {', '.join(unknown)}. Choose from {', '.join(_ITEMS)}")
    figures: dict[str, list[Figure]] = {name: [] for name in names}
    with TemporaryDirectory(prefix="bench-") as name_of_folder:
        folder = Path(name_of_folder)
        unpack(folder)
        for name in names:
            begun = time.monotonic()
            for figure in _measured(name, folder):
                figures[name].append(figure)
                # Progress, because the table comes after minutes.
                print(f"{figure.name}: {figure.value}", file=sys.stderr, flush=True)
            print(f"({name} took {time.monotonic() - begun:.0f} s)", file=sys.stderr, flush=True)
    console = terminal.open_console()
    console.width = max(160, console.width)
    return show(figures, console)


if __name__ == "__main__":
    terminal.main("make bench", bench, interrupted="interrupted, and everything it started was ended")
