"""How functions run: on what, as whom, and from where."""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import Danger, name_of, new_value, old_value
from tools.review.plan import Plan

__all__ = ["function_dangers"]


def function_dangers(plan: Plan) -> Iterator[Danger]:
    """A function runs otherwise than now."""
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
