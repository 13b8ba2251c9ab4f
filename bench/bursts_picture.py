"""The picture of the bursts: how many schedules were handed over by when, in each case. SVG, by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.bursts import Burst

__all__ = ["draw", "picture_of"]

_WIDTH, _HEIGHT = 800, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 40, 50
_COLOURS = {4: "#1f77b4", 16: "#ff7f0e", 64: "#2ca02c"}
_POINTS = 60


def draw(path: Path, bursts: Sequence[Burst], due_after_tick: int) -> None:
    """Write the picture."""
    path.write_text(picture_of(bursts, due_after_tick), encoding="utf-8")


def picture_of(bursts: Sequence[Burst], due_after_tick: int) -> str:
    """A line for each case, ending in a dot where its last schedule entered the queue."""
    seconds = max(10, *(burst.last_entered for burst in bursts)) * 1.05
    most = max(len(burst.deleted_at) for burst in bursts)
    lines = "\n".join([*_axes(seconds, most), *(line for burst in bursts for line in _case(burst, seconds, most))])
    title = f"{most:,} schedules due in one second, {due_after_tick} s after the tick that hands them over"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        f' font-size="12">\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n'
        f'<text x="{_WIDTH / 2:.0f}" y="22" text-anchor="middle" font-size="14">{title}</text>\n{lines}\n</svg>\n'
    )


def _x(second: float, seconds: float) -> float:
    return _LEFT + second / seconds * (_WIDTH - _LEFT - _RIGHT)


def _y(count: float, most: int) -> float:
    return _HEIGHT - _BOTTOM - count / most * (_HEIGHT - _TOP - _BOTTOM)


def _axes(seconds: float, most: int) -> Iterator[str]:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if seconds / step <= 10 or step == 100)  # noqa: PLR2004
    for second in range(0, int(seconds) + 1, step):
        x = _x(second, seconds)
        yield f'<path d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{second}</text>'
    for quarter in range(5):
        y = _y(most * quarter / 4, most)
        yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * quarter // 4:,}</text>'
    yield f'<text x="{_WIDTH / 2:.0f}" y="{_HEIGHT - 12}" text-anchor="middle">seconds after the tick</text>'


def _case(burst: Burst, seconds: float, most: int) -> Iterator[str]:
    colour = _COLOURS.get(burst.shards, "#555")
    dashes = "" if burst.workers == 1 else ' stroke-dasharray="6 3"'
    count = len(burst.deleted_at)
    indices = [round(point * (count - 1) / _POINTS) for point in range(_POINTS + 1)]
    line = " ".join(f"{_x(burst.deleted_at[i], seconds):.1f},{_y(i + 1, most):.1f}" for i in indices)
    x = _x(burst.last_entered, seconds)
    yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    yield f'<circle cx="{x:.1f}" cy="{_y(most, most):.1f}" r="4" fill="{colour}"/>'
    row = _HEIGHT - _BOTTOM - 14 - 16 * (list(_COLOURS).index(burst.shards) * 2 + (burst.workers > 1))
    left = _WIDTH - _RIGHT - 170
    yield f'<path d="M{left} {row - 4}h30" stroke="{colour}" stroke-width="2"{dashes}/>'
    workers = "1 worker" if burst.workers == 1 else f"{burst.workers} workers"
    yield f'<text x="{left + 38}" y="{row}">{burst.shards} shards, {workers}</text>'
