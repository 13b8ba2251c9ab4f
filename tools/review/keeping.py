"""How what is stored is kept: for how long, with which key, and what becomes of what nobody could handle.

The failure bucket's rules are judged in lifecycle.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, name_of, new_value, old_value, quoted
from tools.review.losses import is_lost
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank, parsed

__all__ = ["encryption_dangers", "recovery_dangers", "retention_dangers"]

_DAY_SECONDS = 24 * 60 * 60

#: How far back a table can be restored where nothing else is said, and at most.
_RECOVERY_DAYS = 35


def retention_dangers(plan: Plan) -> Iterator[Danger]:
    """What is deleted earlier than now, or is not kept apart when nobody can handle it."""
    for change in plan.of_type("aws_sqs_queue"):
        if _is_shorter(change, "message_retention_seconds"):
            yield Danger(
                "retention-shortened",
                change.address,
                f"Messages in {name_of(change)} that are older than {_span(change.after, 'message_retention_seconds')} "
                f"would be deleted within minutes, and later ones at that age, not at "
                f"{_span(change.before, 'message_retention_seconds')}: a message's age counts from when it was sent to "
                "the delayer queue, its delay and its stay in a dead-letter queue among it.",
            )
        if not is_lost(change) and _has_dead_letters(change.before) and not _has_dead_letters(change.after):
            yield Danger(
                "dead-letter-queue-detached",
                change.address,
                f"A message that no consumer can handle would come again and again, and be deleted when it is too old: "
                f"{name_of(change)} would have no dead-letter queue.",
            )
        yield from _other_dead_letters(plan, change)
        old, new = _tries(change.before), _tries(change.after)
        if old is not None and new is not None and new < old:
            yield Danger(
                "dead-letter-queue-sooner",
                change.address,
                "A message that consumers fail to handle would sooner go to the dead-letter queue, where none gets it: "
                f"{name_of(change)} would have a `maxReceiveCount` of {quoted(new)} instead of {quoted(old)}, so that "
                "a shorter fault of a consumer is enough.",
            )
    for change in plan.of_type("aws_cloudwatch_log_group"):
        if _is_shorter(change, "retention_in_days"):
            yield Danger(
                "retention-shortened",
                change.address,
                f"Logs in {name_of(change)} that are older than {new_value(change, 'retention_in_days')} days would be "
                f"deleted; today they are kept for {old_value(change, 'retention_in_days')}.",
            )


def _has_dead_letters(queue: Mapping[str, Any]) -> bool:
    """Whether a queue has a dead-letter queue. One that is known only after the apply is one that is made anew."""
    policy = parsed(queue.get("redrive_policy"))
    return policy is UNKNOWN or bool(isinstance(policy, dict) and policy.get("deadLetterTargetArn"))


def _other_dead_letters(plan: Plan, change: Change) -> Iterator[Danger]:
    old, new = (
        at(parsed(values.get("redrive_policy")), "deadLetterTargetArn") for values in (change.before, change.after)
    )
    renewed = [at(queue.before, "arn") for queue in plan.of_type("aws_sqs_queue") if queue.is_gone]
    # If another queue is made, that is told, and its address is not known yet.
    is_renewed = old in renewed or (new is UNKNOWN and any(not queue.exists for queue in plan.of_type("aws_sqs_queue")))
    if old and new and old != new and not is_renewed and not is_lost(change):
        yield Danger(
            "dead-letter-queue-elsewhere",
            change.address,
            f"What consumers fail to handle would go to {quoted(new)} instead of {quoted(old)}: `make failures` and "
            "the alarm look into the environment's own dead-letter queue only.",
        )


def _tries(queue: Mapping[str, Any]) -> int | None:
    """How often a message is given to a consumer before it goes to the dead-letter queue; None if it can't be told."""
    policy = parsed(queue.get("redrive_policy"))
    count = str(policy.get("maxReceiveCount")) if isinstance(policy, dict) else ""
    return int(count) if count.isdecimal() else None


def recovery_dangers(plan: Plan) -> Iterator[Danger]:
    """The table can be restored to a less distant past. Whether it can at all is among the guards."""
    for change in plan.of_type("aws_dynamodb_table"):
        is_on = all(at(values, "point_in_time_recovery.enabled") is True for values in (change.before, change.after))
        old, new = (
            at(values, "point_in_time_recovery.recovery_period_in_days") or _RECOVERY_DAYS
            for values in (change.before, change.after)
        )
        if not is_on or change.is_gone or old == new:
            continue
        if not isinstance(old, int) or not isinstance(new, int) or new < old:
            yield Danger(
                "recovery-shortened",
                change.address,
                f"Schedules that are deleted by mistake could be brought back for {quoted(new)} days only, not for "
                f"{quoted(old)}: older restore points of the table {name_of(change)} are dropped, for good.",
            )


def _is_shorter(change: Change, path: str) -> bool:
    """Whether something is kept for less time than now. 0 and nothing mean forever, as CloudWatch Logs has it."""
    if not change.exists or change.action == "destroy" or not change.is_changed(path):
        return False
    old, new = at(change.before, path) or 0, at(change.after, path) or 0
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return True
    return new != 0 and (old == 0 or new < old)


def _span(values: Mapping[str, Any], path: str) -> str:
    seconds = at(values, path)
    if isinstance(seconds, int) and seconds % _DAY_SECONDS == 0:
        return f"{seconds // _DAY_SECONDS} days"
    return f"{quoted(seconds)} s"


def encryption_dangers(plan: Plan) -> Iterator[Danger]:
    """Keys. What is on or off is among the guards."""
    for change in plan.of_type("aws_s3_bucket_server_side_encryption_configuration"):
        path = "rule.apply_server_side_encryption_by_default"
        if change.is_changed(f"{path}.sse_algorithm") or change.is_changed(f"{path}.kms_master_key_id"):
            yield Danger(
                "encryption-weakened",
                change.address,
                f"The failure bucket's records would be encrypted with {new_value(change, f'{path}.sse_algorithm')} "
                f"instead of {old_value(change, f'{path}.sse_algorithm')}, or with another key.",
            )
    for change in plan.of_type("aws_dynamodb_table"):
        path = "server_side_encryption"
        is_own = at(change.after, f"{path}.enabled") is True and (
            at(change.before, f"{path}.enabled") is True or at(change.after, f"{path}.kms_key_arn") is not UNKNOWN
        )
        if is_own and not change.is_gone and change.is_changed(f"{path}.kms_key_arn"):
            yield Danger(
                "encryption-weakened",
                change.address,
                f"The table {name_of(change)} would be encrypted with the key "
                f"{new_value(change, f'{path}.kms_key_arn')} instead of {old_value(change, f'{path}.kms_key_arn')}. "
                "A function that may not use it can neither store nor hand over a schedule, and if it is deleted, "
                "every pending schedule is lost.",
            )
    for change in plan.of_type("aws_cloudwatch_log_group", "aws_sqs_queue"):
        for path in ("kms_key_id", "kms_master_key_id"):
            if not is_blank(at(change.before, path)) and change.is_changed(path) and not is_lost(change):
                yield Danger(
                    "encryption-weakened",
                    change.address,
                    f"What is in {name_of(change)} would be encrypted with {new_value(change, path)} instead of the "
                    f"key {old_value(change, path)}.",
                )
