"""The table's stream and its readers: after a delete, the stream holds the only copy, for a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, attribute_danger, danger
from tools.review.function_settings import is_same_function
from tools.review.losses import is_lost
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank

__all__ = ["mapping_dangers", "reader_dangers", "stream_dangers"]

#: How long a stream keeps a record (DynamoDB developer guide, "Change data capture for DynamoDB Streams").
_STREAM_SECONDS = 24 * 60 * 60

#: Long enough to mend a fault that keeps records from being sent, and shorter than the stream keeps them.
_LONG_SECONDS = 23 * 60 * 60


def stream_dangers(plan: Plan) -> Iterator[Danger]:
    """Name a stream that ends, or carries too little."""
    for change in plan.of_type("aws_dynamodb_table"):
        if not change.exists or is_lost(change):
            continue
        if at(change.before, "stream_enabled") is True and at(change.after, "stream_enabled") is not True:
            yield danger(change, "stream-off")
        elif change.is_changed("stream_view_type"):
            yield attribute_danger(change, "stream-changed", "stream_view_type")


def mapping_dangers(plan: Plan) -> Iterator[Danger]:
    """Name settings by which a mapping skips, drops or repeats records."""
    for change in plan.of_type("aws_lambda_event_source_mapping"):
        if change.action == "destroy":
            continue
        if change.is_changed("starting_position"):
            yield attribute_danger(change, "stream-mapping-position", "starting_position")
        if change.is_changed("filter_criteria"):
            yield danger(change, "stream-mapping-filter")
        if _has_partial_answers(change.before) and not _has_partial_answers(change.after):
            yield attribute_danger(change, "stream-mapping-loses/answers", "function_response_types")
        yield from _age(change)
        destination = "destination_config.on_failure.destination_arn"
        old, new = at(change.before, destination), at(change.after, destination)
        if not is_blank(old) and old != new:
            yield danger(change, "stream-mapping-loses/destination", old=old, new=new)


def reader_dangers(plan: Plan) -> Iterator[Danger]:
    """Name functions that read the stream instead of the fast track, or beside it."""
    kept = [change for change in plan.resources if change.type == "aws_lambda_event_source_mapping" and change.after]
    for change in kept:
        old, new = at(change.before, "function_name"), at(change.after, "function_name")
        if change.is_changed("function_name") and not is_same_function(plan, new, old):
            yield danger(change, "stream-mapping-elsewhere", old=old, new=new)
        source = at(change.after, "event_source_arn")
        others = [
            other for other in kept if other is not change and _may_equal(source, at(other.after, "event_source_arn"))
        ]
        if change.action == "create" and others:
            yield danger(change, "stream-read-twice", new=new, reader=at(others[0].after, "function_name"))


def _may_equal(one: Any, other: Any) -> bool:
    return one == other or UNKNOWN in (one, other)


def _age(change: Change) -> Iterator[Danger]:
    """Name an age at which the mapping gives up a record if the stream drops it before, or if it is lower than now."""
    path = "maximum_record_age_in_seconds"
    old, new = at(change.before, path), at(change.after, path)
    if change.differs(path) and _is_too_old(new):
        yield danger(change, "stream-mapping-loses/never", new=new, limit=_STREAM_SECONDS)
    elif change.is_changed(path) and new < (_LONG_SECONDS if _is_too_old(old) else old):
        yield danger(change, "stream-mapping-loses/sooner", old=old, new=new)


def _has_partial_answers(values: Mapping[str, Any]) -> bool:
    answers = at(values, "function_response_types")
    return isinstance(answers, list) and "ReportBatchItemFailures" in answers


def _is_too_old(age: Any) -> bool:
    return not isinstance(age, int) or age < 0 or age >= _STREAM_SECONDS
