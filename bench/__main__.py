"""Measure, print one table, and exit with 1 if a count, a size or an instruction figure is out of bounds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench import bursts, cpu, managing, requests, reviews, startup
from bench.deployed import unpack
from bench.table import Figure, table_of, verdict
from tools.project import CommandError
from tools.terminal import run

#: By the names that ONLY takes and the table shows.
_ITEMS: dict[str, Callable[[Mapping[str, Path]], Iterator[Figure]]] = {
    "requests": requests.measure,
    "managing": managing.measure,
    "cpu": cpu.measure,
    "startup": startup.measure,
    "bursts": bursts.measure,
    "reviews": reviews.measure,
}


def _measured(name: str, folders: Mapping[str, Path]) -> Iterator[Figure]:
    """Yield an item's figures. If it fails, the last one is out of bounds and holds the error."""
    try:
        yield from _ITEMS[name](folders)
    except CommandError as error:
        yield Figure("failed", str(error), "measured to the end", is_good=False)


def bench(console: Console, names: list[str]) -> bool:
    """Measure these items, or all, and return whether every figure is within its bounds."""
    if unknown := set(names) - set(_ITEMS):
        raise CommandError(f"ONLY has unknown items: {', '.join(sorted(unknown))}. Choose from {', '.join(_ITEMS)}")
    figures: dict[str, list[Figure]] = {}
    console.width = max(160, console.width)
    with TemporaryDirectory(prefix="bench-") as folder:
        folders = unpack(Path(folder))
        for name in names or _ITEMS:
            begun = time.monotonic()
            for figure in _measured(name, folders):
                figures.setdefault(name, []).append(figure)
                # Progress, because the table comes after minutes.
                print(f"{figure.name}: {figure.value}", file=sys.stderr, flush=True)
            print(f"({name} took {time.monotonic() - begun:.0f} s)", file=sys.stderr, flush=True)
    is_good, sentence = verdict(figures)
    console.print(table_of(figures))
    console.print(sentence)
    return is_good


if __name__ == "__main__":
    run("make bench", lambda console: bench(console, sys.argv[1:]))
