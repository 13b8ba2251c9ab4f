"""Which function is which, and what it is told by its environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tools.review.plan import UNKNOWN, Change, Plan, at

__all__ = ["FAST_TRACK", "POST", "SWEEP", "function_of", "is_same_function", "planned_setting", "setting"]

#: The functions' packages, after which their modules are named.
FAST_TRACK = "stream_dynamodb_fasttrack_enqueuer"
POST = "api_schedule_post"
SWEEP = "task_1minute_enqueuer"


def function_of(change: Change) -> str:
    """Which function this is: what its handler is in, or else its module's name, whichever instance of it."""
    package = str(at(change.before or change.after, "handler")).partition(".")[0]
    if package in (FAST_TRACK, POST, SWEEP):
        return package
    return re.sub(r'\[("(\\.|[^"\\])*"|\d+)\]$', "", change.module).rpartition("module.")[2]


def is_same_function(plan: Plan, new: Any, *old: Any) -> bool:
    """Whether what is called is one of those that are called now, or the new one of a function that is replaced.

    Each is a function's ARN, or what contains it, as an integration's URI does.
    """
    called = [_function_arn(each) for each in old]
    if new is not UNKNOWN:
        return _function_arn(new) in called
    # That the function itself goes is told already.
    return any(change.is_gone and at(change.before, "arn") in called for change in plan.of_type("aws_lambda_function"))


def _function_arn(value: Any) -> Any:
    """A function's ARN without the version or alias that may follow; what holds none is left as it is."""
    found = re.search(r"arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:/]+", value) if isinstance(value, str) else None
    return found[0] if found else value


def setting(values: Mapping[str, Any], name: str) -> Any:
    """A function's setting, as a number where it is one; None if there is none."""
    found = at(values, f"environment.variables.{name}")
    return int(found) if isinstance(found, str) and re.fullmatch(r"\d{1,18}", found) else found


def planned_setting(plan: Plan, change: Change, name: str) -> Any:
    """A function's setting after the apply; where its variables are not known as a whole, as the root variable is."""
    if at(change.after, "environment.variables") is UNKNOWN:
        return plan.settings.get(name, UNKNOWN)
    return setting(change.after, name)
