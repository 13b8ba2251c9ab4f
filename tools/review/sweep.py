"""The minute's sweep: which shards are swept, by whom, and how long before a schedule is due."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.review.danger import Danger, new_value, quoted
from tools.review.losses import is_lost
from tools.review.plan import Plan, at, parsed
from tools.review.settings import POST, SWEEP, function_of, is_same_function, planned_setting, setting

__all__ = ["delayer_period_dangers", "shard_dangers", "target_dangers", "worker_dangers"]


def shard_dangers(plan: Plan) -> Iterator[Danger]:
    """Shards that hold schedules, or will, are not swept."""
    counts = []
    for change in plan.of_type("aws_lambda_function"):
        if not is_lost(change):
            old, new = setting(change.before, "SHARD_COUNT"), planned_setting(plan, change, "SHARD_COUNT")
            counts.append((change, old, new))
    posted = max((new for change, _, new in counts if function_of(change) == POST and isinstance(new, int)), default=0)
    for change, old, new in counts:
        if function_of(change) != SWEEP:
            continue
        if old is not None and not isinstance(new, int):
            yield Danger(
                "shards-unswept",
                change.address,
                f"Which shards are swept can't be told: the sweep's SHARD_COUNT would be {quoted(new)} instead of "
                f"{quoted(old)}. In a shard that is not swept, pending schedules stay forever.",
            )
        if not isinstance(new, int):
            continue
        for kind, count in (("Pending", old), ("New", posted)):
            if isinstance(count, int) and new < count:
                told = f"{kind} schedules in {_range(new, count)} would never be swept."
                yield Danger("shards-unswept", change.address, told)


def _range(start: int, stop: int) -> str:
    return f"shard {start}" if stop - start == 1 else f"shards {start} to {stop - 1}"


def worker_dangers(plan: Plan) -> Iterator[Danger]:
    """Each worker sweeps its own shards, so all of them have to be called."""
    targets = [change for change in plan.resources if change.type == "aws_cloudwatch_event_target"]
    changed = [change for change in targets if change.exists and change.action != "no-op"]
    if not changed:
        return
    if all(change.action == "destroy" for change in targets):
        if not any(change.action == "destroy" for change in plan.of_type("aws_cloudwatch_event_rule")):
            yield Danger(
                "sweep-paused",
                changed[0].address,
                "No sweep would run: the minute's rule would stay, and call nothing. Schedules further ahead than the "
                "delayer period stay in the table, and become late.",
            )
        return
    told = [parsed(change.after.get("input")) for change in targets if change.after]
    if not told or not all(isinstance(event, dict) for event in told):
        return
    workers = {json.dumps(event.get("workers")) for event in told}
    called = {json.dumps(event.get("worker")) for event in told}
    total = told[0].get("workers")
    if len(workers) > 1 or not isinstance(total, int) or called != set(map(str, range(total))):
        yield Danger(
            "shards-unswept",
            changed[0].address,
            f"Schedules in some shards would never be swept: the rule would call the workers {sorted(called)}"
            f", told to be of {sorted(workers)}.",
        )


def target_dangers(plan: Plan) -> Iterator[Danger]:
    """The minute's rule calls something else than the sweep that it calls now."""
    targets = [change for change in plan.resources if change.type == "aws_cloudwatch_event_target"]
    for change in targets:
        called = [at(other.before, "arn") for other in targets if other.exists and other.module == change.module]
        new = at(change.after, "arn")
        if change.after and called and not is_same_function(plan, new, *called):
            yield Danger(
                "sweep-elsewhere",
                change.address,
                f"Schedules in the shards of the worker {new_value(change, 'input')} would never be swept: the rule "
                f"would call {quoted(new)} instead of the sweep, {quoted(called[0])}.",
            )


def delayer_period_dangers(plan: Plan) -> Iterator[Danger]:
    """Schedules move to the queue at another time; told once, for all functions are told the same."""
    told = False
    # The sweep first, which hands over most: if both functions' settings change, its address is told.
    functions = sorted(plan.of_type("aws_lambda_function"), key=lambda change: function_of(change) != SWEEP)
    for change in functions:
        old = setting(change.before, "DELAYER_PERIOD_SECONDS")
        new = planned_setting(plan, change, "DELAYER_PERIOD_SECONDS")
        if old is None or old == new or is_lost(change) or told:
            continue
        told = True
        if not isinstance(old, int) or not isinstance(new, int):
            effect = "When schedules move to the queue can't be told."
        elif new > old:
            effect = (
                f"The first sweep hands over {new - old} s of schedules at once, and from then on a schedule can be "
                f"cancelled only until {new} s before it is due, not {old} s."
            )
        else:
            effect = (
                f"For {old - new} s the sweep finds nothing to hand over, and from then on a standstill of the sweep "
                f"or of the stream makes schedules late after {new} s, not after {old} s."
            )
        yield Danger(
            "delayer-period-changed",
            change.address,
            f"Schedules would move to the queue {quoted(new)} s before they are due, not {quoted(old)} s. Those that "
            f"are queued already keep their delay, and arrive in their second. {effect}",
        )
