"""The functions: their code, and the shards that they fill, sweep and read together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from tools.review.danger import Danger, Markdown, danger
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank
from tools.review.table import Judged, is_ours, package_of

__all__ = ["function_dangers"]

_TYPE = "aws_lambda_function"

#: The functions' packages.
_POST, _SWEEP = "api_schedule_post", "task_1minute_enqueuer"

#: Attributes by which a function gets code from elsewhere than its zip.
_ELSEWHERE = (
    "file_system_config", "image_config", "image_uri", "layers", "package_type", "s3_bucket", "s3_key",
    "s3_object_version",
)  # fmt: skip


def function_dangers(plan: Plan, judged: Judged) -> Iterator[Danger]:
    """Name strangers with a role of the delayer, foreign code, and shards that nobody sweeps."""
    own = [
        change
        for change in plan.of_type(_TYPE)
        if change.action != "destroy" and (is_ours(plan, change) or package_of(change) == _SWEEP)
    ]
    roles = [at(each.before, "role") for each in plan.all_of_type(_TYPE) if is_ours(plan, each)]
    for change in plan.of_type(_TYPE):
        role = at(change.after, "role")
        if isinstance(role, str) and role in roles and change.differs("role") and not is_ours(plan, change):
            yield danger(change, "access-grows/function", role=role)
    for change in own:
        yield from _code(plan, change, judged)
    yield from _shards(plan, own, judged)


def _code(plan: Plan, change: Change, judged: Judged) -> Iterator[Danger]:
    """Name code that is not the zip which was built here, by its path and its hash."""
    judged.add(change, "filename", "source_code_hash", *_ELSEWHERE)
    for attribute in _ELSEWHERE:
        old, new = at(change.before, attribute), at(change.after, attribute)
        is_default = is_blank(new) or new == "Zip" or (new is UNKNOWN and is_blank(old) and change.action != "update")
        if change.differs(attribute) and not is_default:
            yield danger(change, "function-foreign-code/elsewhere", attribute=Markdown(attribute), new=new)
    path, found = at(change.after, "filename"), at(change.after, "source_code_hash")
    name = PurePosixPath(path).name if isinstance(path, str) else ""
    is_built = name.replace("-", "_") == f"{package_of(change)}.zip" and str(path).endswith(f"/build/dist/{name}")
    if not is_built and change.differs("filename"):
        yield danger(change, "function-foreign-code/file", new=path)
    elif plan.is_first or not (change.differs("source_code_hash") or change.differs("filename")):
        return
    elif is_blank(found) or found != plan.packages.get(name):
        yield danger(change, "function-foreign-code/hash", new=found, built=plan.packages.get(name))


def _shards(plan: Plan, own: list[Change], judged: Judged) -> Iterator[Danger]:
    """Name shards that hold schedules, or will, and are not swept."""
    functions = plan.all_of_type(_TYPE)
    posted = max(_counts(plan, functions, _POST), default=0)
    swept = min(_counts(plan, functions, _SWEEP), default=posted)
    # New schedules are named once: at the sweep, unless only the post function changes.
    named = _SWEEP if any(package_of(change) == _SWEEP for change in own) else _POST
    for change in own:
        package, old, new = package_of(change), _count(change.before), _planned_count(plan, change)
        if package == _SWEEP or (isinstance(new, int) and (package == _POST or new >= posted)):
            # New schedules may use fewer shards than are swept, and no function may look for them in fewer.
            judged.add(change, "environment.variables.SHARD_COUNT")
        if package == _SWEEP and old is not None and not isinstance(new, int):
            yield danger(change, "shards-unswept/unknown", old=old, new=new)
        elif package == _SWEEP and isinstance(old, int) and new < old:
            yield danger(change, "shards-unswept/pending", shards=_range(new, old))
        fewest = new if package == _SWEEP and isinstance(new, int) else swept
        if package == named and fewest < posted:
            yield danger(change, "shards-unswept/new", shards=_range(fewest, posted))


def _range(first: int, end: int) -> Markdown:
    return Markdown(f"shard {first}" if end - first == 1 else f"shards {first} to {end - 1}")


def _counts(plan: Plan, functions: list[Change], package: str) -> list[int]:
    """Return the numbers of shards that the functions of a package would have."""
    counts = [_planned_count(plan, each) for each in functions if package_of(each) == package]
    return [count for count in counts if isinstance(count, int)]


def _count(values: Any) -> Any:
    """Return a function's number of shards; None if it has none."""
    found = at(values, "environment.variables.SHARD_COUNT")
    return int(found) if isinstance(found, str) and re.fullmatch(r"\d{1,9}", found) else found


def _planned_count(plan: Plan, change: Change) -> Any:
    """Return the number of shards after the apply.

    While one of a function's variables is unknown, the provider calls all of them unknown. A plan always knows the root
    variables, which have the same names in small letters.
    """
    if at(change.after, "environment.variables") is UNKNOWN:
        return plan.variables.get("shard_count", UNKNOWN)
    return _count(change.after)
