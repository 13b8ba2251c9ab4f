"""The processes that are measured, and the canned AWS that they call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from bench.canned_aws import STREAM_ARN
from bench.packages import PYTHON, ROOT, Function, environment
from tools.processes import PIPE, bare_environment, start

__all__ = ["BenchError", "CannedAws", "FunctionProcess", "stream_record"]

type Document = dict[str, Any]


class BenchError(Exception):
    """What was to be measured did not work."""


class _Process:
    """A Python of ours that ends when its standard input does."""

    def __init__(self, command: list[str], variables: Mapping[str, str]) -> None:
        self._process = start(
            [PYTHON, "-S", "-B", *command], variables=variables, folder=ROOT, stdin=PIPE, stderr=None
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"{self._process.args!r} has ended")
        return line


class CannedAws(_Process):
    """`bench.canned_aws`, running."""

    def __init__(self) -> None:
        super().__init__(["-m", "bench.canned_aws"], bare_environment({}))
        self._port = int(self._read())
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self._connection = HTTPConnection("127.0.0.1", self._port)

    def __exit__(self, *error: object) -> None:
        self._connection.close()
        super().__exit__(*error)

    def do(self, name: str, **arguments: Any) -> Document:
        """What the benchmark asks of it: see the methods of `bench.canned_aws.Account`."""
        self._connection.request("POST", "/control", json.dumps({"do": name} | arguments))
        document: Document = json.loads(self._connection.getresponse().read())
        return document


class FunctionProcess(_Process):
    """A function from its unpacked zip in `folder`, calling an AWS at `endpoint`. Its clock goes by `source`."""

    def __init__(self, function: Function, folder: Path, endpoint: str, *, source: str, shards: int = 16) -> None:
        program = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]; import bench.runtime as r; r.main"
        super().__init__(
            ["-I", "-c", f"{program}({function.package + '.main'!r}, {source!r})"], environment(endpoint, shards)
        )
        self._function = function

    def invoke(self, *events: Document, seconds: float = 60, **clock: float) -> Document:
        """Invoke it with each event in turn; see `bench.runtime`. Raises BenchError if one failed."""
        return self._ask({"do": "invoke", "events": events, "seconds": seconds} | clock)

    def record(self, *events: Document, seconds: float = 60, **clock: float) -> Document:
        """The same, and the calls are recorded."""
        return self._ask({"do": "record", "events": events, "seconds": seconds} | clock)

    def profile(self, *events: Document, seconds: float = 60, **clock: float) -> Document:
        """The same as `invoke`, and where the time goes."""
        return self._ask({"do": "profile", "events": events, "seconds": seconds} | clock)

    def replay(self, threads: int) -> Document:
        """Make the recorded calls, bare."""
        return self._ask({"do": "replay", "threads": threads})

    def _ask(self, command: Document) -> Document:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer: Document = json.loads(self._read())
        if answer.get("error"):
            raise BenchError(f"{self._function.name}: {answer['error']}")
        return answer


def stream_record(number: int, written: tuple[str, str, str, str | None, float]) -> Document:
    """What a stream mapping hands on of what the canned AWS wrote to the stream."""
    name, shard, due, payload, at = written
    keys = {"shard": {"N": shard}, "due": {"S": due}}
    change: Document = {
        "ApproximateCreationDateTime": int(at),  # DynamoDB rounds it down
        "Keys": keys,
        "SequenceNumber": f"{number:021d}",
        "SizeBytes": 60 if payload is None else 60 + len(payload),
        "StreamViewType": "OLD_IMAGE",
    }
    if payload is not None:
        change["OldImage"] = keys | {"payload": {"S": payload}}
    return {
        "eventID": f"{number:032x}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": change,
        "eventSourceARN": STREAM_ARN,
    }
