"""A function starts in an interpreter that has only its zip and the standard library."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.package_checkouts import FUNCTIONS

_SETTINGS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "DELAYER_PERIOD_SECONDS": "840",
    "FAILURE_BUCKET_NAME": "failures",
    "HORIZON_SECONDS": "315360000",
    "METRICS_NAMESPACE": "delayer",
    "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/delayer",
    "SHARD_COUNT": "16",
    "STREAM_ARN": "arn:aws:dynamodb:us-east-1:123456789012:table/schedules/stream/2026-11-22T00:00:00.000",
    "TABLE_NAME": "schedules",
}


def _run(folder: Path, statements: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run statements in a Python that finds the standard library and the unpacked zip, and nothing else."""
    command = [sys.executable, "-I", "-S", "-B", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {statements}"]
    return subprocess.run(  # noqa: S603 -- our own command
        command, env=dict(settings), capture_output=True, text=True, check=False
    )


def test_main_module_has_a_callable_handler(unpacked: Callable[[str], Path], function: str) -> None:
    """With its settings, the module that Lambda imports has a callable handler."""
    run = _run(
        unpacked(function), f"from {FUNCTIONS[function]}.main import handler; print(callable(handler))", _SETTINGS
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "True\n", "")


def test_import_runs_the_bytecode(unpacked: Callable[[str], Path], tmp_path: Path, function: str) -> None:
    """The import uses the bytecode and never reads a source: it succeeds if no source compiles."""
    # GIVEN a zip's files whose sources do not compile
    folder = tmp_path / "task"
    shutil.copytree(unpacked(function), folder)
    for source in folder.rglob("*.py"):
        source.write_text("This is no Python.")
    # WHEN the module is imported THEN it has its handler
    run = _run(folder, f"from {FUNCTIONS[function]}.main import handler; print(callable(handler))", _SETTINGS)
    assert (run.returncode, run.stdout, run.stderr) == (0, "True\n", "")


def test_missing_setting_ends_the_start_with_one_line(unpacked: Callable[[str], Path], function: str) -> None:
    """Without its settings a function does not start, and one line names the missing one."""
    run = _run(unpacked(function), f"import {FUNCTIONS[function]}.main", {"AWS_DEFAULT_REGION": "us-east-1"})
    assert run.returncode != 0
    assert re.fullmatch(r".*TABLE_NAME is not set.*\n", run.stderr)


@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_other_services_are_unknown(unpacked: Callable[[str], Path], service: str) -> None:
    """No client can be made of a service that pyproject.toml does not name for the function."""
    run = _run(
        unpacked("task-1minute-enqueuer"),
        f"from delayer.clients import make_client; make_client({service!r}, 1)",
        _SETTINGS,
    )
    assert "UnknownServiceError" in run.stderr


_CALLS = {
    "api-schedule-post": ["dynamodb.put_item(TableName='t', Item={})"],
    "task-1minute-enqueuer": [
        "dynamodb.describe_table(TableName='t')",
        "dynamodb.query(TableName='t')",
        "dynamodb.batch_write_item(RequestItems={'t': [{'DeleteRequest': {'Key': {}}}]})",
    ],
    "stream-dynamodb-fasttrack_enqueuer": [
        "dynamodb.batch_write_item(RequestItems={'t': [{'DeleteRequest': {'Key': {}}}]})",
        "sqs.send_message_batch(QueueUrl='https://sqs.us-east-1.amazonaws.com/1/q', Entries=[])",
        "s3.put_object(Bucket='bucket', Key='key', Body=b'')",
    ],
}


@pytest.mark.parametrize(("name", "call"), [(name, call) for name, calls in _CALLS.items() for call in calls])
def test_every_call_reaches_the_network(unpacked: Callable[[str], Path], name: str, call: str) -> None:
    """Each call of the function is built, signed and sent without the files that were left out of botocore."""
    # GIVEN an endpoint where nothing listens (port 9, discard, is below those that a system hands out)
    settings = _SETTINGS | {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    service = call.partition(".")[0]
    run = _run(
        unpacked(name),
        f"from delayer.clients import make_client; {service} = make_client('{service}', 1); {call}",
        settings,
    )
    # WHEN the call is made THEN only the connection fails
    assert "EndpointConnectionError" in run.stderr.splitlines()[-1], run.stderr
