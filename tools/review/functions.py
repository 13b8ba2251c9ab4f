"""The functions: their code, the shards that they fill and sweep, and who reads the stream and the queues."""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from tools.review.danger import Danger, Markdown, danger
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank, parsed
from tools.review.table import Judged, is_ours, ours, package_of

_TYPE = "aws_lambda_function"

_POST, _SWEEP = "api_schedule_post", "task_1minute_enqueuer"

_SHARDS = "environment.variables.SHARD_COUNT"

#: Attributes by which a function gets code from elsewhere than its zip.
_ELSEWHERE = (
    "file_system_config", "image_config", "image_uri", "layers", "package_type", "s3_bucket", "s3_key",
    "s3_object_version",
)  # fmt: skip


def function_dangers(plan: Plan, judged: Judged) -> Iterator[Danger]:
    """Name second readers, missing workers, strangers with a role of the delayer, foreign code, and unswept shards."""
    yield from _readers(plan)
    yield from _targets(plan, judged)
    roles = [at(each.before, "role") for each in ours(plan, _TYPE)]
    kept = [change for change in plan.of_type(_TYPE) if change.action != "destroy"]
    for change in kept:
        role = at(change.after, "role")
        if isinstance(role, str) and role in roles and change.differs("role") and not is_ours(plan, change):
            yield danger(change, "access-grows/function", role=role)
    own = [change for change in kept if is_ours(plan, change) or package_of(change) == _SWEEP]
    for change in own:
        judged.update((change.address, name) for name in ("filename", "source_code_hash", *_ELSEWHERE))
        yield from _code(plan, change)
    yield from _shards(plan, own, judged)


def _code(plan: Plan, change: Change) -> Iterator[Danger]:
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
    elif not plan.is_first and (change.differs("source_code_hash") or change.differs("filename")):
        built = plan.packages.get(name)
        if is_blank(found) or found != built:
            yield danger(change, "function-foreign-code/hash", new=found, built=built)


def _shards(plan: Plan, own: list[Change], judged: Judged) -> Iterator[Danger]:
    """Name shards that hold schedules, or will, and are not swept."""
    counts = [(package_of(each), _count(plan, each.after)) for each in plan.by_type[_TYPE]]
    posted = max((count for package, count in counts if package == _POST and isinstance(count, int)), default=0)
    swept = min((count for package, count in counts if package == _SWEEP and isinstance(count, int)), default=posted)
    # New schedules are named once: at the sweep, unless only the post function changes.
    named = _SWEEP if any(package_of(change) == _SWEEP for change in own) else _POST
    for change in own:
        package, old, new = package_of(change), _count(plan, change.before), _count(plan, change.after)
        if package == _SWEEP or (isinstance(new, int) and (package == _POST or new >= posted)):
            # New schedules may use fewer shards than are swept, and no function may look for them in fewer.
            judged.add((change.address, _SHARDS))
        if package == _SWEEP and old is not None and not isinstance(new, int):
            yield danger(change, "shards-unswept/unknown", old=old, new=new)
        elif package == _SWEEP and isinstance(old, int) and new < old:
            yield danger(change, "shards-unswept/pending", shards=_range(new, old))
        fewest = new if package == _SWEEP and isinstance(new, int) else swept
        if package == named and fewest < posted:
            yield danger(change, "shards-unswept/new", shards=_range(fewest, posted))


def _range(first: int, end: int) -> Markdown:
    return Markdown(f"shard {first}" if end - first == 1 else f"shards {first} to {end - 1}")


def _count(plan: Plan, values: Any) -> Any:
    found = at(values, _SHARDS)
    # While one of a function's variables is unknown, the provider calls all of them unknown. A plan always knows the
    # root variables, which have the same names in small letters.
    if at(values, "environment.variables") is UNKNOWN:
        return plan.variables.get("shard_count", UNKNOWN)
    return int(found) if isinstance(found, str) and re.fullmatch(r"\d{1,9}", found) else found


def _readers(plan: Plan) -> Iterator[Danger]:
    """Name functions that would read the stream or a queue beside its reader."""
    mappings = ours(plan, "aws_lambda_event_source_mapping")
    own = {change: at(change.after, "event_source_arn") for change in mappings if change.after}
    queues = {at(each.before, "arn") for each in ours(plan, "aws_sqs_queue")}
    for change in plan.of_type("aws_lambda_event_source_mapping"):
        if not change.after or not change.differs("event_source_arn") or (change.before and change in own):
            continue
        new, source = at(change.after, "function_name"), at(change.after, "event_source_arn")
        others = [(each, read) for each, read in own.items() if each is not change]
        beside = [each for each, read in others if source == read or UNKNOWN in (source, read)]
        if beside:
            yield danger(change, "stream-read-twice", new=new, reader=at(beside[0].after, "function_name"))
            if at(change.after, "maximum_record_age_in_seconds") in (UNKNOWN, None, -1):
                yield danger(change, "stream-mapping-loses/never")
        if source in queues and not is_blank(source):
            yield danger(change, "queue-consumed", new=new, source=source)


def _targets(plan: Plan, judged: Judged) -> Iterator[Danger]:
    """Name workers that are not called: each sweeps its own shards."""
    targets = ours(plan, "aws_cloudwatch_event_target")
    judged.update((change.address, "input") for change in targets)
    changed = [change for change in targets if change.before and change.action != "no-op"]
    if not changed:
        return
    if all(change.action == "destroy" for change in targets):
        if not any(change.action == "destroy" for change in ours(plan, "aws_cloudwatch_event_rule")):
            yield danger(changed[0], "sweep-paused/targets")
        return
    events = [parsed(change.after.get("input")) for change in targets if change.after]
    known = [event for event in events if isinstance(event, dict)]
    workers = {json.dumps(event.get("workers")) for event in known}
    called = {json.dumps(event.get("worker")) for event in known}
    is_whole = workers == {str(len(called))} and called == set(map(str, range(len(called))))
    if len(known) < len(events) or not is_whole:
        texts = {"called": ", ".join(sorted(called)), "workers": " or ".join(sorted(workers))}
        yield danger(changed[0], "shards-unswept/workers", **texts)
