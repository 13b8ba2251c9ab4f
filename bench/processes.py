"""The processes that are measured, and the canned AWS that they call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from bench.deployed import PYTHON, environment
from tools.processes import PIPE, bare_environment, start
from tools.project import ROOT, CommandError, functions

type Document = dict[str, Any]


class BenchError(CommandError):
    """Something that was to be measured failed. The message names it."""


class _Process:
    """A Python process that answers each line of its standard input with a line, and ends with it. JSON both ways."""

    def __init__(self, *arguments: str, variables: Mapping[str, str]) -> None:
        command = [PYTHON, "-S", "-B", *arguments]
        self._process = start(command, variables=variables, folder=ROOT, stdin=PIPE, stderr=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, do: str, **arguments: Any) -> Document:
        """Return the answer to a command. Raises BenchError if it failed or the process has ended."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do} | arguments) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Document:
        assert self._process.stdout
        line = self._process.stdout.readline()
        answer: Document = json.loads(line) if line else {"error": "the process has ended"}
        if answer.get("error"):
            raise BenchError(f"{self._process.args!r}: {answer['error']}")
        return answer


class CannedAws(_Process):
    """`bench.canned_aws`. Its commands are the methods of `bench.canned_aws.Account`."""

    def __init__(self) -> None:
        super().__init__("-m", "bench.canned_aws", variables=bare_environment({}))
        self.endpoint: str = self._read()["endpoint"]


class FunctionProcess(_Process):
    """A function from its unpacked zip in `folder`, calling an AWS at `endpoint`.

    `bench.runtime` describes its commands, and the sources of its clock.
    """

    def __init__(self, function: str, folder: Path, endpoint: str, *, source: str = "wall", shards: int = 16) -> None:
        module = f"{functions()[function].package}.main"
        program = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]; import bench.runtime as r; r.main"
        super().__init__("-I", "-c", f"{program}({module!r}, {source!r})", variables=environment(endpoint, shards))

    def invoke(self, *events: Document, seconds: float = 60, **clock: float) -> Document:
        """Invoke the function with each event in turn, with so many seconds left. Raises BenchError if one failed."""
        return self.ask("invoke", events=events, seconds=seconds, **clock)
