"""Who reads the stream and the queues, and who is called every minute."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.review.danger import Danger, danger
from tools.review.plan import UNKNOWN, Plan, at, is_blank, parsed
from tools.review.table import Judged, is_ours, ours

__all__ = ["reader_dangers", "target_dangers"]

_MAPPING = "aws_lambda_event_source_mapping"


def reader_dangers(plan: Plan, judged: Judged) -> Iterator[Danger]:
    """Name functions that would read the stream or a queue beside its reader."""
    del judged
    kept = [change for change in plan.all_of_type(_MAPPING) if change.after]
    own = [change for change in kept if is_ours(plan, change)]
    queues = {at(each.before, "arn") for each in plan.all_of_type("aws_sqs_queue") if is_ours(plan, each)}
    for change in kept:
        if (
            change.action in ("no-op", "read")
            or not change.differs("event_source_arn")
            or (change.exists and change in own)
        ):
            continue
        new, source = at(change.after, "function_name"), at(change.after, "event_source_arn")
        read = [each for each in own if each is not change]
        read = [
            each
            for each in read
            if UNKNOWN in (source, at(each.after, "event_source_arn")) or source == at(each.after, "event_source_arn")
        ]
        if read:
            yield danger(change, "stream-read-twice", new=new, reader=at(read[0].after, "function_name"))
            if at(change.after, "maximum_record_age_in_seconds") in (UNKNOWN, None, -1):
                yield danger(change, "stream-mapping-loses/never")
        if source in queues and not is_blank(source):
            yield danger(change, "queue-consumed", new=new, source=source)


def target_dangers(plan: Plan, judged: Judged) -> Iterator[Danger]:
    """Name workers that are not called: each sweeps its own shards."""
    targets = [each for each in plan.all_of_type("aws_cloudwatch_event_target") if is_ours(plan, each)]
    for change in targets:
        judged.add(change, "input")
    changed = [change for change in targets if change.exists and change.action != "no-op"]
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
    total = known[0].get("workers") if known else None
    is_whole = len(workers) == 1 and isinstance(total, int) and called == set(map(str, range(total)))
    if len(known) < len(events) or not is_whole:
        yield danger(
            changed[0], "shards-unswept/workers", called=", ".join(sorted(called)), workers=" or ".join(sorted(workers))
        )
