"""How long a review of a large plan takes, and how much memory: both grow with the number of resources."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.processes import PRINT_MEMORY
from bench.table import Figure, at_most, unbounded
from tools.processes import run
from tools.project import ROOT, CommandError

_COUNTS = (5_000, 10_000, 20_000)
_RUNS = 3
_MOST_MB = 300

#: The status of a review that finds dangers, and a review that ends with the most memory it took.
_WITH_DANGERS = 2
_REVIEW = f"""
import atexit, runpy
atexit.register(exec, {PRINT_MEMORY!r}, {{}})
runpy.run_module("tools.review", run_name="__main__", alter_sys=True)
"""

#: A stranger's resources, with policies, permissions and long texts; a third of them stays.
_TYPES = ("aws_iam_role_policy", "aws_lambda_function", "aws_lambda_permission", "aws_s3_bucket")
_ACTIONS = (["update"], ["create"], ["no-op"])


def measure(folder: Path) -> Iterator[Figure]:
    """Review plans of several sizes, each in a process of its own."""
    path = folder / "plan.json"
    for count in _COUNTS:
        plan = {"format_version": "1.2", "resource_changes": [_resource(number) for number in range(count)]}
        path.write_text(json.dumps(plan), encoding="utf-8")
        seconds, megabytes = zip(*(_reviewed(path) for _ in range(_RUNS)), strict=True)
        note = f"{path.stat().st_size / 1e6:.0f} MB of JSON"
        yield unbounded(f"{count:,} resources, s", seconds, form=".1f", goal=f"{count / 2_000:.1f}", note=note)
    yield at_most(f"{_COUNTS[-1]:,} resources, MB of memory", max(megabytes), _MOST_MB)


def _resource(number: int) -> dict[str, Any]:
    """Return a changed resource as `terraform show -json` prints it."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::bucket-{number}/*"}
    before = {
        "arn": f"arn:aws:x:::{number}",
        "name": f"name-{number}",
        "policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        "role": f"role-{number}",
        "user_data": "a line of a script\n" * 10,
    }
    kind, actions = _TYPES[number % len(_TYPES)], _ACTIONS[number % len(_ACTIONS)]
    after = before if actions == ["no-op"] else before | {"user_data": before["user_data"] + f"echo {number}\n"}
    module = f"module.m[{number // 100}]"
    return {
        "address": f"{module}.{kind}.r{number}",
        "module_address": module,
        "type": kind,
        "name": f"r{number}",
        "mode": "managed",
        "change": {"actions": actions, "before": None if actions == ["create"] else before, "after": after},
    }


def _reviewed(path: Path) -> tuple[float, float]:
    """Return the seconds and the megabytes of one review."""
    begun = time.monotonic()
    done = run([sys.executable, "-c", _REVIEW, path], folder=ROOT)
    seconds = time.monotonic() - begun
    if done.status != _WITH_DANGERS:
        raise CommandError(f"the review of a large plan failed: {done.errors.strip()}")
    return seconds, int(done.output.split()[-1]) / 1024
