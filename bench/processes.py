"""The canned AWS, and the functions as Lambda has them: from their zips, with the variables that Terraform sets."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from zipfile import ZipFile

from bench.canned_aws import STREAM_ARN, TABLE, Document
from tools.capacity.declared import DELAYER_PERIOD_SECONDS, HORIZON_DAYS
from tools.processes import PIPE, bare_environment, start
from tools.project import DIST, ROOT, CommandError, functions

#: Python alone, outside of any virtual environment, as on Lambda.
PYTHON = str(Path(sys.executable).resolve())

#: Prints the most memory that the process took, in KB. Not ru_maxrss: it may be the parent's.
PRINT_MEMORY = "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')])"


def unpack(folder: Path) -> None:
    """Unpack every function's zip into the folder of its name below `folder`."""
    for function in functions():
        with ZipFile(DIST / f"{function}.zip") as archive:
            archive.extractall(folder / function)


def environment(endpoint: str = "http://127.0.0.1:9", shards: int = 16) -> Mapping[str, str]:
    """Return every variable that Terraform sets for any function, and those of an account at `endpoint`."""
    return bare_environment(
        {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "DELAYER_PERIOD_SECONDS": str(DELAYER_PERIOD_SECONDS),
            "FAILURE_BUCKET_NAME": "failures",
            "HORIZON_SECONDS": str(HORIZON_DAYS * 86_400),
            "METRICS_NAMESPACE": "delayer",
            "QUEUE_URL": f"{endpoint}/123456789012/delayer",
            "SHARD_COUNT": str(shards),
            "STREAM_ARN": STREAM_ARN,
            "TABLE_NAME": TABLE,
        }
    )


class Process:
    """A Python process that answers each line of its standard input with a line, and ends with it. JSON both ways."""

    def __init__(self, *arguments: str, variables: Mapping[str, str]) -> None:
        command = [PYTHON, "-S", "-B", *arguments]
        self._process = start(command, variables=variables, folder=ROOT, stdin=PIPE, stderr=None)
        assert self._process.stdin
        assert self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stdin.close()
        self._process.wait()
        self._stdout.close()

    def ask(self, do: str, **arguments: Any) -> Document:
        """Return the answer to a command. Raises CommandError if it failed or the process has ended."""
        self._stdin.write(json.dumps({"do": do} | arguments) + "\n")
        self._stdin.flush()
        return self._read()

    def _read(self) -> Document:
        line = self._stdout.readline()
        answer: Document = json.loads(line) if line else {"error": "the process has ended"}
        if "error" in answer:
            raise CommandError(f"{self._process.args!r}: {answer['error']}")
        return answer


class CannedAws(Process):
    """`bench.canned_aws`, whose commands are the methods of its Account, and the functions unpacked below `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__("-m", "bench.canned_aws", variables=bare_environment({}))
        self._folder = folder
        self.endpoint: str = self._read()["endpoint"]

    def start(
        self, function: str, *, source: str = "wall", shards: int = 16, has_default_clients: bool = False
    ) -> Process:
        """Start a function. `bench.runtime` describes its commands and these arguments."""
        paths, module = [str(self._folder / function), str(ROOT)], f"{functions()[function].package}.main"
        program = f"import sys; sys.path[:0] = {paths}; from bench.runtime import main;"
        program += f" main({module!r}, {source!r}, has_default_clients={has_default_clients})"
        return Process("-I", "-c", program, variables=environment(self.endpoint, shards))
