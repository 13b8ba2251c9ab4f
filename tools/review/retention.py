"""How long messages, records, logs and deleted data are kept, and where messages go that nobody can handle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, Markdown, attribute_danger, danger, quoted
from tools.review.losses import is_lost
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank, parsed

__all__ = ["lifecycle_dangers", "recovery_dangers", "retention_dangers"]

_DAY_SECONDS = 24 * 60 * 60

#: How many days back a table can be restored by default, which is also the most.
_RECOVERY_DAYS = 35


def retention_dangers(plan: Plan) -> Iterator[Danger]:
    """Name messages and logs that are deleted earlier than now, and messages that miss the dead-letter queue."""
    for change in plan.of_type("aws_sqs_queue"):
        if _is_shorter(change, "message_retention_seconds"):
            old, new = (_span(at(side, "message_retention_seconds")) for side in (change.before, change.after))
            yield danger(change, "retention-shortened/messages", old=old, new=new)
        if not is_lost(change) and _has_dead_letters(change.before) and not _has_dead_letters(change.after):
            yield danger(change, "dead-letter-queue-detached")
        yield from _other_dead_letters(plan, change)
        tries, fewer = _tries(change.before), _tries(change.after)
        if tries is not None and fewer is not None and fewer < tries:
            yield danger(change, "dead-letter-queue-sooner", old=tries, new=fewer)
    for change in plan.of_type("aws_cloudwatch_log_group"):
        if _is_shorter(change, "retention_in_days"):
            yield attribute_danger(change, "retention-shortened/logs", "retention_in_days")


def _is_shorter(change: Change, path: str) -> bool:
    """Return whether something is kept for less time than now. 0 and nothing mean forever, as in CloudWatch Logs."""
    if not change.exists or change.action == "destroy" or not change.is_changed(path):
        return False
    old, new = at(change.before, path) or 0, at(change.after, path) or 0
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return True
    return new != 0 and (old == 0 or new < old)


def _span(seconds: Any) -> Markdown:
    if isinstance(seconds, int) and seconds % _DAY_SECONDS == 0:
        return Markdown(f"{seconds // _DAY_SECONDS} days")
    return Markdown(f"{quoted(seconds)} s")


def _has_dead_letters(queue: Mapping[str, Any]) -> bool:
    """Return whether a queue has a dead-letter queue; one that is known only after the apply is a new one."""
    policy = parsed(queue.get("redrive_policy"))
    return policy is UNKNOWN or bool(isinstance(policy, dict) and policy.get("deadLetterTargetArn"))


def _other_dead_letters(plan: Plan, change: Change) -> Iterator[Danger]:
    old, new = (at(parsed(side.get("redrive_policy")), "deadLetterTargetArn") for side in (change.before, change.after))
    renewed = [at(queue.before, "arn") for queue in plan.of_type("aws_sqs_queue") if queue.is_gone]
    # If another queue is created, that is a danger already, and its ARN is not known yet.
    is_renewed = old in renewed or (new is UNKNOWN and any(not queue.exists for queue in plan.of_type("aws_sqs_queue")))
    if old and new and old != new and not is_renewed and not is_lost(change):
        yield danger(change, "dead-letter-queue-elsewhere", old=old, new=new)


def _tries(queue: Mapping[str, Any]) -> int | None:
    """Return how often a message is received before it goes to the dead-letter queue; None if that is not known."""
    policy = parsed(queue.get("redrive_policy"))
    count = str(policy.get("maxReceiveCount")) if isinstance(policy, dict) else ""
    return int(count) if count.isdecimal() else None


def recovery_dangers(plan: Plan) -> Iterator[Danger]:
    """Name tables that can be restored to a less distant past. Recovery that ends is among the guards."""
    for change in plan.of_type("aws_dynamodb_table"):
        is_on = all(at(side, "point_in_time_recovery.enabled") is True for side in (change.before, change.after))
        old, new = (
            at(side, "point_in_time_recovery.recovery_period_in_days") or _RECOVERY_DAYS
            for side in (change.before, change.after)
        )
        is_shorter = not isinstance(old, int) or not isinstance(new, int) or new < old
        if is_on and not change.is_gone and old != new and is_shorter:
            yield danger(change, "recovery-shortened", old=old, new=new)


def lifecycle_dangers(plan: Plan) -> Iterator[Danger]:
    """Name records that S3 deletes and keeps now, or that can be restored for less long.

    A configuration may be declared at another address than before, so all rules of a module are compared.
    """
    found = [change for change in plan.resources if change.type == "aws_s3_bucket_lifecycle_configuration"]
    for change in found:
        if change.action == "no-op" or not change.after or plan.is_first:
            continue
        bucket = at(change.before, "bucket") or at(change.after, "bucket")
        if at(change.after, "rule") is UNKNOWN:
            yield danger(change, "retention-shortened/rules-unknown", bucket=bucket)
        before = [rule for other in found if other.module == change.module for rule in _rules(other.before)]
        after = _rules(change.after)
        known = _expirations(before)
        new = [end for end in _expirations(after) if end not in known]
        if new:
            yield danger(change, "retention-shortened/records", bucket=bucket, ends=Markdown(" or ".join(new)))
        days = _days_back(after)
        if before and _number(days) < _number(_days_back(before)):
            yield danger(change, "retention-shortened/versions", new=days)


def _rules(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rules that are not disabled."""
    found = values.get("rule")
    rules = found if isinstance(found, list) else []
    return [rule for rule in rules if isinstance(rule, dict) and rule.get("status") != "Disabled"]


def _expirations(rules: list[Mapping[str, Any]]) -> list[str]:
    """Return when each rule deletes records that nobody deleted."""
    days = [at(rule, "expiration.days") for rule in rules]
    dates = [at(rule, "expiration.date") for rule in rules]
    return [
        *(f"after {quoted(found)} days" for found in days if found),
        *(f"from {quoted(found)} on" for found in dates if not is_blank(found)),
    ]


def _days_back(rules: list[Mapping[str, Any]]) -> Any:
    """Return after how many days the first rule drops deleted records; None if none does."""
    path = "noncurrent_version_expiration.noncurrent_days"
    return min((found for rule in rules if not is_blank(found := at(rule, path))), default=None, key=_number)


def _number(days: Any) -> float:
    """Return days as a number: infinity for never, and 0 for an unknown number, which may be at once."""
    return float("inf") if days is None else days if isinstance(days, int | float) else 0
