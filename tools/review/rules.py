"""Find every danger of a plan: by code, by the rows of the table, and in whatever neither of them judges.

A value that is known only after the apply is judged like a changed one, because it may be anything. A sensitive value
is compared, and never shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tools.review.access import access_dangers, caller_dangers
from tools.review.danger import MEANINGS, Danger, sentence
from tools.review.functions import function_dangers, reader_dangers, target_dangers
from tools.review.plan import Plan
from tools.review.table import Judged, table_dangers

_JUDGES: tuple[Callable[[Plan, Judged], Iterator[Danger]], ...] = (
    reader_dangers,
    target_dangers,
    function_dangers,
    access_dangers,
    caller_dangers,
)


def find_dangers(plan: Plan) -> list[Danger]:
    """Return every danger of a plan once, losses first."""
    judged = Judged()
    # Forgotten resources stay as they are in AWS.
    kept = (
        replace(change, action="no-op", after=change.before) if change.action == "forget" else change
        for change in plan.resources
    )
    staying = replace(plan, resources=tuple(kept))
    found = [danger for judge in _JUDGES for danger in judge(staying, judged)]
    found += table_dangers(plan, judged)
    found += [sentence(name, address, detail=detail) for name, address, detail in plan.facts]
    order = {name: place for place, name in enumerate(MEANINGS)}
    return sorted(dict.fromkeys(found), key=lambda danger: order[danger.id])
