"""Draw a run: every schedule by when it was due and how late its message came."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

__all__ = ["Point", "draw"]

#: When a schedule was due, in seconds after the start, its lateness in seconds, and its path.
type Point = tuple[float, float, str]

_COLOURS = {"fast track": "#1f77b4", "sweep": "#ff7f0e"}


def draw(path: Path, points: Sequence[Point], outages: Sequence[tuple[str, float, float]], title: str) -> None:
    """Write a PNG. `outages` are a name, the beginning and the end, in seconds after the start."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(10, 4.5), layout="constrained")
    for shade, (name, begin, end) in zip(("#cccccc", "#e3d3ee"), outages, strict=True):
        axes.axvspan(begin, end, color=shade, label=name, zorder=0)
    for name, colour in _COLOURS.items():
        of_path = [(due, max(late, 0.001)) for due, late, taken in points if taken == name]
        if of_path:
            axes.scatter(*zip(*of_path, strict=True), s=6, color=colour, alpha=0.6, linewidths=0, label=name)
    axes.axhline(1, color="#2ca02c", linewidth=1, linestyle="--", label="one second")
    axes.set_yscale("log")
    axes.set_xlabel("due, seconds after the start")
    axes.set_ylabel("message received, seconds after it was due")
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8, loc="upper right", ncols=5)
    figure.savefig(path, dpi=110, metadata={"Software": None})
