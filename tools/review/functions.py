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
    """Name foreign code, and shards that nobody sweeps."""
    own = [
        change
        for change in plan.of_type(_TYPE)
        if change.action != "destroy" and (is_ours(plan, change) or package_of(change) == _SWEEP)
    ]
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
    counts = {each.address: (_count(each.before), _planned_count(plan, each)) for each in plan.all_of_type(_TYPE)}
    packages = {package: [] for package in (_POST, _SWEEP)}  # type: dict[str, list[Any]]
    for each in plan.all_of_type(_TYPE):
        packages.get(package_of(each), []).append(counts[each.address][1])
    posted = max((count for count in packages[_POST] if isinstance(count, int)), default=0)
    for change in own:
        old, new = counts[change.address]
        path, is_sweep = "environment.variables.SHARD_COUNT", package_of(change) == _SWEEP
        if old == new and not is_sweep:
            continue
        if is_sweep or (isinstance(new, int) and (package_of(change) == _POST or new >= posted)):
            # New schedules may use fewer shards than are swept.
            judged.add(change, path)
        if is_sweep and old is not None and not isinstance(new, int):
            yield danger(change, "shards-unswept/unknown", old=old, new=new)
        swept = new if is_sweep else min((each for each in packages[_SWEEP] if isinstance(each, int)), default=posted)
        pairs = (
            (("pending", old), ("new", posted)) if is_sweep else (("new", new if package_of(change) == _POST else 0),)
        )
        for variant, count in pairs:
            is_named = is_sweep or not any(package_of(each) == _SWEEP for each in own)
            if isinstance(swept, int) and isinstance(count, int) and swept < count and is_named:
                shards = f"shard {swept}" if count - swept == 1 else f"shards {swept} to {count - 1}"
                yield danger(change, f"shards-unswept/{variant}", shards=Markdown(shards))


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
