"""The minute's sweep: which shards it reads, who calls it, and how long before they are due it hands schedules over."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.review.danger import Danger, Markdown, danger
from tools.review.function_settings import POST, SWEEP, function_of, is_same_function, planned_setting, setting
from tools.review.losses import is_lost
from tools.review.plan import Plan, at, parsed

__all__ = ["delayer_period_dangers", "shard_dangers", "target_dangers", "worker_dangers"]


def shard_dangers(plan: Plan) -> Iterator[Danger]:
    """Name shards that hold schedules, or will, and are not swept."""
    counts = [
        (change, setting(change.before, "SHARD_COUNT"), planned_setting(plan, change, "SHARD_COUNT"))
        for change in plan.of_type("aws_lambda_function")
        if not is_lost(change)
    ]
    posted = max((new for change, _, new in counts if function_of(change) == POST and isinstance(new, int)), default=0)
    for change, old, new in counts:
        if function_of(change) != SWEEP:
            continue
        if old is not None and not isinstance(new, int):
            yield danger(change, "shards-unswept/unknown", old=old, new=new)
        for variant, count in (("pending", old), ("new", posted)):
            if isinstance(new, int) and isinstance(count, int) and new < count:
                shards = f"shard {new}" if count - new == 1 else f"shards {new} to {count - 1}"
                yield danger(change, f"shards-unswept/{variant}", shards=Markdown(shards))


def worker_dangers(plan: Plan) -> Iterator[Danger]:
    """Name workers that are not called: each sweeps its own shards."""
    targets = [change for change in plan.resources if change.type == "aws_cloudwatch_event_target"]
    changed = [change for change in targets if change.exists and change.action != "no-op"]
    if not changed:
        return
    if all(change.action == "destroy" for change in targets):
        if not any(change.action == "destroy" for change in plan.of_type("aws_cloudwatch_event_rule")):
            yield danger(changed[0], "sweep-paused/targets")
        return
    events = [parsed(change.after.get("input")) for change in targets if change.after]
    if not events or not all(isinstance(event, dict) for event in events):
        return
    workers = {json.dumps(event.get("workers")) for event in events}
    called = {json.dumps(event.get("worker")) for event in events}
    total = events[0].get("workers")
    if len(workers) > 1 or not isinstance(total, int) or called != set(map(str, range(total))):
        yield danger(
            changed[0], "shards-unswept/workers", called=", ".join(sorted(called)), workers=" or ".join(sorted(workers))
        )


def target_dangers(plan: Plan) -> Iterator[Danger]:
    """Name targets of the minute's rule that are not the sweep which it calls now."""
    targets = [change for change in plan.resources if change.type == "aws_cloudwatch_event_target"]
    for change in targets:
        called = [at(other.before, "arn") for other in targets if other.exists and other.module == change.module]
        new = at(change.after, "arn")
        if change.after and called and not is_same_function(plan, new, *called):
            worker = at(change.after, "input")
            yield danger(change, "sweep-elsewhere", worker=worker, old=called[0], new=new)


def delayer_period_dangers(plan: Plan) -> Iterator[Danger]:
    """Name another delayer period once, at the sweep if its setting changes: it hands over most."""
    functions = sorted(plan.of_type("aws_lambda_function"), key=lambda change: function_of(change) != SWEEP)
    for change in functions:
        old = setting(change.before, "DELAYER_PERIOD_SECONDS")
        new = planned_setting(plan, change, "DELAYER_PERIOD_SECONDS")
        if old is None or old == new or is_lost(change):
            continue
        if not isinstance(old, int) or not isinstance(new, int):
            yield danger(change, "delayer-period-changed/unknown", old=old, new=new)
        else:
            variant, difference = "longer" if new > old else "shorter", Markdown(abs(new - old))
            yield danger(change, f"delayer-period-changed/{variant}", old=old, new=new, difference=difference)
        return
