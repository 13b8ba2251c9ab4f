"""Show what differs between two values, with its neighbourhood, as Markdown that nothing in a value can leave."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from tools.review.danger import Markdown, quoted

#: How much of a value that stays is shown around what differs.
_LINES_AROUND = 2
_CHARACTERS_AROUND = 30

#: The longest value that is shown whole, and the longest line and the most lines of a difference.
_WHOLE = 160
_LINE = 300
_MOST_LINES = 60

#: difflib takes the square of the lines: for longer texts, only the block between the first and the last difference.
_COMPARED_LINES = 500


def shown_change(old: Any, new: Any, indent: str) -> Iterator[str]:
    """Return the lines about a change: the first follows the attribute's name, the others stand below it."""
    texts = isinstance(old, str) and isinstance(new, str)
    if texts and ("\n" in old.strip() or "\n" in new.strip()):
        yield "by line"
        yield from _fenced(_diff(old.split("\n"), new.split("\n")), indent)
    elif texts and max(len(old), len(new)) > _WHOLE:
        yield " → ".join(_around(old, new))
    elif _is_long_set(old) and _is_long_set(new):
        gone, come = [each for each in old if each not in new], [each for each in new if each not in old]
        parts = [f"without {', '.join(map(quoted, gone))}"] if gone else []
        parts += [f"with {', '.join(map(quoted, come))}"] if come else []
        yield "; ".join(parts) or f"in another order, {quoted(old)} → {quoted(new)}"
    else:
        yield f"{quoted(old)} → {quoted(new)}"


def _is_long_set(value: Any) -> bool:
    """Return whether a value is a list of texts and numbers that is too long to be shown whole."""
    plain = (str, int, float)
    return isinstance(value, list) and len(str(value)) > _WHOLE and all(isinstance(each, plain) for each in value)


def _around(old: str, new: str) -> tuple[Markdown, Markdown]:
    """Return what differs of two long texts, with a few characters before and after."""
    start, end = _same(old, new)
    first = max(0, start - _CHARACTERS_AROUND)

    def part(text: str, stop: int) -> Markdown:
        last = min(len(text), stop + _CHARACTERS_AROUND)
        middle = f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}"
        return Markdown(f"{quoted(middle, _LINE)} ({len(text):,} characters)")

    return part(old, len(old) - end), part(new, len(new) - end)


def _diff(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Return the lines that differ, each after its sign, with the lines around them."""
    start, end = _same(old, new)
    first, last = max(0, start - _LINES_AROUND), max(0, end - _LINES_AROUND)
    before, after = old[first : len(old) - last], new[first : len(new) - last]
    if max(len(before), len(after)) <= _COMPARED_LINES:
        yield from islice(difflib.unified_diff(before, after, n=_LINES_AROUND, lineterm=""), 3, None)
        return
    yield from (f"-{line}" for line in before)
    yield from (f"+{line}" for line in after)


def _same(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many characters or lines at the start are the same, and how many of the others at the end."""
    most = min(len(old), len(new))
    start = next((place for place in range(most) if old[place] != new[place]), most)
    left = range(1, most - start + 1)
    return start, next((place - 1 for place in left if old[-place] != new[-place]), most - start)


def _fenced(lines: Iterator[str], indent: str) -> Iterator[str]:
    """Return lines as a block of code, with unprintable characters escaped."""
    shown = [_printable(line) for line in islice(lines, _MOST_LINES + 1)]
    cut = shown[_MOST_LINES:]
    fence = "`" * max(3, 1 + max((len(run) for line in shown for run in re.findall("`+", line)), default=0))
    yield f"{indent}{fence}diff"
    yield from (f"{indent}{line}" for line in shown[:_MOST_LINES])
    yield f"{indent}{fence}"
    if cut:
        yield f"{indent}… and {1 + sum(1 for _ in lines):,} more lines"


def _printable(line: str) -> str:
    text = line if line.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
    return text if len(text) <= _LINE else f"{text[:_LINE]}…"
