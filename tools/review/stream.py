"""The table's stream and what reads it: after a delete, the stream is the only copy, for a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, name_of, new_value, old_value, quoted
from tools.review.losses import is_lost
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank
from tools.review.settings import is_same_function

__all__ = ["mapping_dangers", "reader_dangers", "stream_dangers"]

#: How long a stream keeps a record (DynamoDB developer guide, "Change data capture for DynamoDB Streams").
_STREAM_SECONDS = 24 * 60 * 60

#: Long enough to mend what keeps records from being sent, and sooner than the stream drops them.
_LONG_SECONDS = 23 * 60 * 60


def stream_dangers(plan: Plan) -> Iterator[Danger]:
    """The table's stream ends, or carries too little."""
    for change in plan.of_type("aws_dynamodb_table"):
        if not change.exists or is_lost(change):
            continue
        if at(change.before, "stream_enabled") is True and at(change.after, "stream_enabled") is not True:
            yield Danger(
                "stream-off",
                change.address,
                f"Nothing would be handed over: the table {name_of(change)} would have no stream, and what is deleted "
                "from it, swept or cancelled, would be lost. What is in the stream now, and not read yet, is lost too.",
            )
        elif change.is_changed("stream_view_type"):
            yield Danger(
                "stream-changed",
                change.address,
                f"Removals would carry {new_value(change, 'stream_view_type')} instead of "
                f"{old_value(change, 'stream_view_type')}: without the old image there is no payload to send. AWS also "
                "makes a new stream for it, and what is in the present one and not read yet is lost.",
            )


def mapping_dangers(plan: Plan) -> Iterator[Danger]:
    """The mapping skips, drops or repeats what is in the stream."""
    for change in plan.of_type("aws_lambda_event_source_mapping"):
        if change.action == "destroy":
            continue
        if change.is_changed("starting_position"):
            yield Danger(
                "stream-mapping-position",
                change.address,
                f"The stream would be read from {new_value(change, 'starting_position')} instead of "
                f"{old_value(change, 'starting_position')}: LATEST skips every removal before the new mapping, whose "
                "schedules are then lost; TRIM_HORIZON delivers a day's removals again.",
            )
        if change.is_changed("filter_criteria"):
            yield Danger(
                "stream-mapping-filter",
                change.address,
                "Lambda drops what the filter doesn't match, for good: schedules whose removal the new filter doesn't "
                "match would be lost.",
            )
        answers = at(change.after, "function_response_types")
        if _has_partial_answers(change.before) and not _has_partial_answers(change.after):
            yield Danger(
                "stream-mapping-loses",
                change.address,
                "Removals that could not be sent would count as sent, and be lost: the mapping would no longer read "
                f"the fast track's partial answers (`ReportBatchItemFailures`; planned: {quoted(answers)}).",
            )
        yield from _age(change)
        destination = "destination_config.on_failure.destination_arn"
        if not is_blank(at(change.before, destination)) and at(change.before, destination) != at(
            change.after, destination
        ):
            yield Danger(
                "stream-mapping-loses",
                change.address,
                f"What the mapping gives up would go to {new_value(change, destination)} instead of "
                f"{old_value(change, destination)}: without a bucket there, it is lost.",
            )


def reader_dangers(plan: Plan) -> Iterator[Danger]:
    """The stream is read by another function than now, or by one more."""
    kept = [change for change in plan.resources if change.type == "aws_lambda_event_source_mapping" and change.after]
    for change in kept:
        old, new = at(change.before, "function_name"), at(change.after, "function_name")
        if change.is_changed("function_name") and not is_same_function(plan, new, old):
            yield Danger(
                "stream-mapping-elsewhere",
                change.address,
                f"Removals would go to {quoted(new)} instead of {quoted(old)}, and count as handled as soon as that "
                "function has returned: whatever it doesn't send to the delayer queue is lost.",
            )
        source = at(change.after, "event_source_arn")
        others = [
            other for other in kept if other is not change and _may_be(source, at(other.after, "event_source_arn"))
        ]
        if change.action == "create" and others:
            yield Danger(
                "stream-read-twice",
                change.address,
                f"Every message would be sent twice, if {quoted(new)} sends what it is given: it would read the stream "
                f"beside {quoted(at(others[0].after, 'function_name'))}. If not, it would still get every payload.",
            )


def _may_be(one: Any, other: Any) -> bool:
    return one == other or UNKNOWN in (one, other)


def _age(change: Change) -> Iterator[Danger]:
    """How old a record gets before the mapping gives it up: less than the stream keeps it, and no less than now."""
    path = "maximum_record_age_in_seconds"
    old, new = at(change.before, path), at(change.after, path)
    if change.differs(path) and _is_too_old(new):
        yield Danger(
            "stream-mapping-loses",
            change.address,
            f"What can't be sent for a day would be lost: the mapping would give up a record after {quoted(new)} s "
            f"(-1 is never), when the stream has dropped it already, after {_STREAM_SECONDS} s, and so it never "
            "reaches the failure bucket.",
        )
    elif change.is_changed(path) and new < (_LONG_SECONDS if _is_too_old(old) else old):
        yield Danger(
            "stream-mapping-loses",
            change.address,
            f"Removals that can't be sent would be given up to the failure bucket after {quoted(new)} s instead of "
            f"{quoted(old)} s: a shorter outage of SQS is enough, and each schedule then has to be given back by hand.",
        )


def _has_partial_answers(values: Mapping[str, Any]) -> bool:
    answers = at(values, "function_response_types")
    return isinstance(answers, list) and "ReportBatchItemFailures" in answers


def _is_too_old(age: Any) -> bool:
    return not isinstance(age, int) or age < 0 or age >= _STREAM_SECONDS
