"""README.md's costs are the calculator's."""

from __future__ import annotations

import re

from tests.support.documents import ROOT
from tools.capacity.report import dollars, monthly_dollars


def test_costs_of_the_readme_are_those_of_make_capacity() -> None:
    """Both services' dollars a month, for a thousand and for a million schedules a day."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d,]+) \| (\S+) \| (\S+) \| (\S+) \|$", readme, re.MULTILINE)
    expected = [(f"{rate:,}", *map(dollars, monthly_dollars(rate))) for rate in (1_000, 1_000_000)]
    assert rows == expected
