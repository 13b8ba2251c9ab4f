"""How functions run: whether, on what, as whom, from where, and with which tables, queues and buckets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.review.danger import Danger, name_of, new_value, old_value, quoted
from tools.review.plan import UNKNOWN, Change, Plan, at
from tools.review.settings import FAST_TRACK, POST, SWEEP, function_of, planned_setting, setting

__all__ = ["direction_dangers", "function_dangers", "lateness_dangers", "standstill_dangers"]


def direction_dangers(plan: Plan) -> Iterator[Danger]:
    """A function is told of another table, stream, queue or bucket than now.

    Where it is told of the new one because the old one is replaced, the loss of that is what is told.
    """
    for change in plan.of_type("aws_lambda_function"):
        for function, name, text in _DIRECTIONS:
            old, new = setting(change.before, name), setting(change.after, name)
            if function != function_of(change) or not change.after or old is None or old == new:
                continue
            if new is None:
                told = f"{name_of(change)} would not start: its setting `{name}` would be gone."
                yield Danger("function-elsewhere", change.address, told)
            elif not _is_renewed(plan, name, new) and not (new is UNKNOWN and _misses_something(plan, change)):
                yield Danger("function-elsewhere", change.address, text.format(old=quoted(old), new=quoted(new)))


#: Of each setting that names something: the types of that, and by which attribute.
_NAMED = {
    "FAILURE_BUCKET_NAME": ("aws_s3_bucket", "bucket"),
    "QUEUE_URL": ("aws_sqs_queue", "url"),
    "STREAM_ARN": ("aws_dynamodb_table", "stream_arn"),
    "TABLE_NAME": ("aws_dynamodb_table", "name"),
}


def _is_renewed(plan: Plan, name: str, new: Any) -> bool:
    """Whether a setting becomes another because what it names does, or any setting that is unknown with it may."""
    if new is UNKNOWN:
        # The provider doesn't know one of a function's variables without the others.
        return any(
            change.exists and UNKNOWN in (at(change.after, attribute), at(change.after, "id"))
            for kind, attribute in _NAMED.values()
            for change in plan.of_type(kind)
        )
    kind, attribute = _NAMED[name]
    return any(change.action == "replace" and at(change.after, attribute) == new for change in plan.of_type(kind))


def _misses_something(plan: Plan, function: Change) -> bool:
    """Whether something that a function is told of is not there any more, and would be made: that is told."""
    return any(
        any(change.action == "create" for change in plan.of_type(kind))
        and all(at(change.before, attribute) != old for change in plan.resources if change.type == kind)
        for name, (kind, attribute) in _NAMED.items()
        if (old := setting(function.before, name)) is not None
    )


_DIRECTIONS = (
    (
        POST,
        "TABLE_NAME",
        (
            "New schedules would be stored in the table {new} instead of {old}: those in a table that the sweep "
            "doesn't read, or whose stream nobody does, are never handed over."
        ),
    ),
    (
        SWEEP,
        "TABLE_NAME",
        "Pending schedules in the table {old} would never be swept: the sweep would read {new} instead.",
    ),
    (
        SWEEP,
        "STREAM_ARN",
        (
            "Every sweep would fail, and schedules stay in the table and become late, unless its stream is {new}: the "
            "sweep deletes nothing from a table with another stream than it is told of, {old} until now."
        ),
    ),
    (
        FAST_TRACK,
        "QUEUE_URL",
        "Messages would be sent to {new} instead of {old}: whoever consumes the delayer queue would get none.",
    ),
    (
        FAST_TRACK,
        "TABLE_NAME",
        (
            "What is posted within the delayer period would wait for the sweep, and can be late: the fast track would "
            "delete it from the table {new} instead of {old}."
        ),
    ),
    (
        FAST_TRACK,
        "FAILURE_BUCKET_NAME",
        (
            "Records that can't be sent would be put into {new} instead of {old}: `make failures` and `make redrive` "
            "look into the environment's failure bucket only."
        ),
    ),
)


def standstill_dangers(plan: Plan) -> Iterator[Danger]:
    """No call of a function runs."""
    path = "reserved_concurrent_executions"
    for change in plan.of_type("aws_lambda_function"):
        if change.action != "destroy" and change.differs(path) and at(change.after, path) in (0, UNKNOWN):
            yield Danger(
                "function-stopped",
                change.address,
                f"{_STANDSTILLS.get(function_of(change), 'Whoever calls it would get an error')}: no call of "
                f"{name_of(change)} would run, for its reserved concurrency would be {new_value(change, path)}.",
            )


_STANDSTILLS = {
    FAST_TRACK: (
        "Nothing would be handed over, and what the sweep deletes meanwhile would be lost if it is still in the stream "
        "after 24 hours (pause the sweep first)"
    ),
    POST: "Every post would be refused",
    SWEEP: (
        "Nothing would be swept, and schedules further ahead than the delayer period would stay in the table and "
        "become late"
    ),
}


def lateness_dangers(plan: Plan) -> Iterator[Danger]:
    """What is late is kept from its consumer, where it is not now."""
    name = "MAX_LATENESS_SECONDS"
    for change in plan.of_type("aws_lambda_function"):
        if function_of(change) != FAST_TRACK or not change.exists or not change.after:
            continue
        old, new = setting(change.before, name), planned_setting(plan, change, name)
        if new is None or old == new or (isinstance(old, int) and isinstance(new, int) and old < new):
            continue
        now = "everything is sent, however late" if old is None else f"that is so after {quoted(old)} s"
        yield Danger(
            "lateness-limited",
            change.address,
            f"What is more than {quoted(new)} s late would go to the failure bucket, and not to its consumer until "
            f"it is given back (`make redrive`); today {now}.",
        )


def function_dangers(plan: Plan) -> Iterator[Danger]:
    """A function runs on something else, as somebody else, or from another part of its package."""
    for change in plan.of_type("aws_lambda_function"):
        if change.action == "destroy":
            continue
        for path, danger, text in _FUNCTION_ATTRIBUTES:
            if change.is_changed(path):
                yield Danger(
                    danger,
                    change.address,
                    text.format(name=name_of(change), old=old_value(change, path), new=new_value(change, path)),
                )


_FUNCTION_ATTRIBUTES = (
    (
        "runtime",
        "function-runtime-changed",
        "{name} would run on {new} instead of {old}: its zip holds bytecode for Python 3.13, which no other can use.",
    ),
    (
        "architectures",
        "function-architecture-changed",
        (
            "{name} would run on {new} instead of {old}. The zips hold no compiled code; measure anew what it costs "
            "and how long it takes."
        ),
    ),
    (
        "role",
        "function-role-changed",
        "{name} would act as {new} instead of {old}: what it may do is all in its role.",
    ),
    (
        "handler",
        "function-handler-changed",
        "{name} would start at {new} instead of {old}: if the package has no such function, every call fails.",
    ),
)
