"""How functions run: on which platform, with which role, and with which tables, queues and buckets."""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import Danger, attribute_danger, danger
from tools.review.function_settings import FAST_TRACK, POST, SWEEP, function_of, planned_setting, setting
from tools.review.plan import UNKNOWN, Change, Plan, at

__all__ = ["function_dangers", "lateness_dangers", "setting_dangers", "standstill_dangers"]

#: The settings that name a table, stream, queue or bucket, and the sentence if they name another.
_SETTINGS = (
    (POST, "TABLE_NAME", "post-table"),
    (SWEEP, "TABLE_NAME", "sweep-table"),
    (SWEEP, "STREAM_ARN", "sweep-stream"),
    (FAST_TRACK, "QUEUE_URL", "fast-track-queue"),
    (FAST_TRACK, "TABLE_NAME", "fast-track-table"),
    (FAST_TRACK, "FAILURE_BUCKET_NAME", "fast-track-bucket"),
)

#: The type and the attribute that each setting names.
_NAMED = {
    "FAILURE_BUCKET_NAME": ("aws_s3_bucket", "bucket"),
    "QUEUE_URL": ("aws_sqs_queue", "url"),
    "STREAM_ARN": ("aws_dynamodb_table", "stream_arn"),
    "TABLE_NAME": ("aws_dynamodb_table", "name"),
}

_STANDSTILLS = {FAST_TRACK: "fast-track", POST: "post", SWEEP: "sweep"}

_ATTRIBUTES = {
    "runtime": "function-runtime-changed",
    "architectures": "function-architecture-changed",
    "role": "function-role-changed",
    "handler": "function-handler-changed",
}


def setting_dangers(plan: Plan) -> Iterator[Danger]:
    """Name settings with another table, stream, queue or bucket, unless the old one is replaced, which is a danger."""
    for change in plan.of_type("aws_lambda_function"):
        for function, name, variant in _SETTINGS:
            old, new = setting(change.before, name), setting(change.after, name)
            if function != function_of(change) or not change.after or old is None or old == new:
                continue
            if new is None:
                yield danger(change, "function-elsewhere/missing", setting=name)
            elif not _is_renewed(plan, name, new) and not (new is UNKNOWN and _names_missing(plan, change)):
                yield danger(change, f"function-elsewhere/{variant}", old=old, new=new)


def _is_renewed(plan: Plan, name: str, new: object) -> bool:
    """Return whether a setting changes because the resource that it names is replaced."""
    if new is UNKNOWN:
        # While one of a function's variables is unknown, the provider calls all of them unknown.
        return any(
            change.exists and UNKNOWN in (at(change.after, attribute), at(change.after, "id"))
            for kind, attribute in _NAMED.values()
            for change in plan.of_type(kind)
        )
    kind, attribute = _NAMED[name]
    return any(change.action == "replace" and at(change.after, attribute) == new for change in plan.of_type(kind))


def _names_missing(plan: Plan, function: Change) -> bool:
    """Return whether a setting names a resource that no longer exists and would be created, which is a danger."""
    return any(
        any(change.action == "create" for change in plan.of_type(kind))
        and all(at(change.before, attribute) != old for change in plan.resources if change.type == kind)
        for name, (kind, attribute) in _NAMED.items()
        if (old := setting(function.before, name)) is not None
    )


def standstill_dangers(plan: Plan) -> Iterator[Danger]:
    """Name functions whose reserved concurrency allows no call."""
    path = "reserved_concurrent_executions"
    for change in plan.of_type("aws_lambda_function"):
        if change.action != "destroy" and change.differs(path) and at(change.after, path) in (0, UNKNOWN):
            variant = _STANDSTILLS.get(function_of(change), "other")
            yield attribute_danger(change, f"function-stopped/{variant}", path)


def lateness_dangers(plan: Plan) -> Iterator[Danger]:
    """Name a limit above which late schedules no longer reach their consumer, if it is new or lower than now."""
    name = "MAX_LATENESS_SECONDS"
    for change in plan.of_type("aws_lambda_function"):
        if function_of(change) != FAST_TRACK or not change.exists or not change.after:
            continue
        old, new = setting(change.before, name), planned_setting(plan, change, name)
        is_raised = isinstance(old, int) and isinstance(new, int) and old < new
        if new is not None and old != new and not is_raised:
            yield danger(change, f"lateness-limited/{'first' if old is None else 'sooner'}", old=old, new=new)


def function_dangers(plan: Plan) -> Iterator[Danger]:
    """Name functions that run on another platform, with another role, or from another part of their package."""
    for change in plan.of_type("aws_lambda_function"):
        for path, sentence in _ATTRIBUTES.items():
            if change.action != "destroy" and change.is_changed(path):
                yield attribute_danger(change, sentence, path)
