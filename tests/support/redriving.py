"""A failure bucket on moto, with the real fast track in place of the deployed one."""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from moto import mock_aws
from rich.console import Console

from tests.support.calls import Calls
from tests.support.clock import Clock
from tests.support.delayer import BUCKET, Clients, Delayer, forget_metrics
from tests.support.stream_records import Record
from tools.operate.environment import Environment
from tools.operate.failures import show
from tools.operate.redrive import redrive
from tools.project import FAST_TRACK

_LOG_TAIL_BYTES = 4_096


class _Function:
    """Stands in for Lambda's client, with one function."""

    def __init__(self, delayer: Delayer) -> None:
        self._delayer = delayer
        self.events: list[dict[str, Any]] = []
        #: Is called with each event before the function; it may raise, or answer in its place.
        self.before: Callable[[dict[str, Any]], Mapping[str, Any] | None] = lambda _event: None

    def invoke(self, *, FunctionName: str, InvocationType: str, LogType: str, Payload: bytes) -> Mapping[str, Any]:  # noqa: N803  (Lambda's names)
        """Call the function."""
        assert (FunctionName, InvocationType, LogType) == ("the-fast-track", "RequestResponse", "Tail")
        assert len(Payload) <= 6_000_000
        event = json.loads(Payload)
        self.events.append(event)
        answer = self.before(event)
        if answer is not None:
            return answer
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            result = self._delayer.fast_track(event)
        log = base64.b64encode(printed.getvalue().encode()[-_LOG_TAIL_BYTES:]).decode()
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(result).encode()), "LogResult": log}


class _Queues:
    """SQS without long polls, because moto's wait for a clock that stands still."""

    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs
        self.get_queue_attributes = sqs.get_queue_attributes

    def receive_message(self, **parameters: Any) -> Mapping[str, Any]:
        """Return the messages that are visible now."""
        answer: Mapping[str, Any] = self._sqs.receive_message(**parameters | {"WaitTimeSeconds": 0})
        return answer


class Failed:
    """An environment, and ways to fill its failure bucket."""

    def __init__(self, delayer: Delayer) -> None:
        self.delayer = delayer
        self.function = _Function(delayer)
        self.s3 = delayer.s3
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.dead_letters = delayer.sqs.create_queue(QueueName="dead")["QueueUrl"]
        clients = {"s3": delayer.s3, "sqs": _Queues(delayer.sqs), "lambda": self.function}
        outputs = {
            "delayer_dead_letter_queue_url": self.dead_letters,
            "failure_bucket_name": BUCKET,
            "function_names": {FAST_TRACK: "the-fast-track"},
        }
        self.environment = Environment("dev", outputs, clients.__getitem__)
        self._mapping_objects = 0

    def give_up(self, *records: Record) -> str:
        """Keep a batch as the stream mapping does, and return its key."""
        self._mapping_objects += 1
        key = f"aws/lambda/5e2f/shardId-1/2026/11/22/2026-11-22T09.00.00-{self._mapping_objects:04d}"
        document = {
            "requestContext": {"condition": "RecordAgeExceeded", "approximateInvokeCount": 61},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
            "version": "1.0",
            "DDBStreamBatchInfo": {"shardId": "shardId-1", "batchSize": len(records)},
            "payload": json.dumps({"Records": records}),
        }
        return self.put(key, json.dumps(document))

    def put(self, key: str, text: str) -> str:
        """Put any object, and return its key."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
        return key

    def object_keys(self) -> list[str]:
        """Return the keys of the objects in the bucket."""
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def versions(self) -> list[str]:
        """Return the key of every version in the bucket."""
        return [found["Key"] for found in self.s3.list_object_versions(Bucket=BUCKET).get("Versions", [])]

    def redrive(self, **options: Any) -> tuple[bool, str]:
        """Redrive; return whether nothing stays, and the output."""
        printed = io.StringIO()
        is_all_done = redrive(
            self.environment, Console(file=printed, width=300), **({"since": None, "is_dry_run": False} | options)
        )
        return is_all_done, printed.getvalue()

    def list(self) -> str:
        """Return what make failures prints."""
        printed = io.StringIO()
        show(self.environment, Console(file=printed, width=300))
        return printed.getvalue()


@dataclass(frozen=True)
class Frozen:
    """Parts that are slow to make, once for a file of tests: a time that stands still, and clients."""

    time: FrozenDateTimeFactory
    clients: Clients


@contextlib.contextmanager
def frozen_clients() -> Iterator[Frozen]:
    """Let time stand still, and make clients of no account."""
    with pytest.MonkeyPatch.context() as monkeypatch, freeze_time(ignore=["_pytest.timing"]) as frozen:
        _set_account(monkeypatch)
        assert isinstance(frozen, FrozenDateTimeFactory)
        with mock_aws():
            clients = Clients()
        yield Frozen(frozen, clients)


@contextlib.contextmanager
def failed_environment(frozen: Frozen, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failed]:
    """Make an environment on moto with an empty failure bucket and a clock that stands still."""
    _set_account(monkeypatch)
    forget_metrics()
    with mock_aws():
        yield Failed(Delayer(frozen.clients, Clock(frozen.time), Calls(monkeypatch)))
    forget_metrics()


def _set_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
