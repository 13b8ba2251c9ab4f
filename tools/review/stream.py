"""The table's stream and what reads it: after a delete, the stream is the only copy, for a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, name_of, new_value, old_value, quoted
from tools.review.losses import is_lost
from tools.review.plan import Plan, at, is_blank

__all__ = ["mapping_dangers", "stream_dangers"]

#: How long a stream keeps a record (DynamoDB developer guide, "Change data capture for DynamoDB Streams").
_STREAM_SECONDS = 24 * 60 * 60


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
        age = at(change.after, "maximum_record_age_in_seconds")
        if change.differs("maximum_record_age_in_seconds") and _is_too_old(age):
            yield Danger(
                "stream-mapping-loses",
                change.address,
                f"What can't be sent for a day would be lost: the mapping would give up a record after {quoted(age)} s "
                f"(-1 is never), when the stream has dropped it already, after {_STREAM_SECONDS} s, and so it never "
                "reaches the failure bucket.",
            )
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


def _has_partial_answers(values: Mapping[str, Any]) -> bool:
    answers = at(values, "function_response_types")
    return isinstance(answers, list) and "ReportBatchItemFailures" in answers


def _is_too_old(age: Any) -> bool:
    return not isinstance(age, int) or age < 0 or age >= _STREAM_SECONDS
