"""One function as Lambda runs it: a process that has its unpacked zip and nothing else, and an invocation at a time.

Its arguments are the module that Lambda imports, and what its clock goes by: `real`, `wall` or `process`. A line of
standard input is a JSON document, and so is a line of standard output; what the function prints goes nowhere.
"""

from __future__ import annotations

import cProfile
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["Clock", "main", "peak_memory_bytes"]

type Document = dict[str, Any]

_monotonic, _process_time, _sleep = time.monotonic, time.process_time, time.sleep


class Clock:
    """The function's clock: a second of `source` lasts `pace` seconds of it. It stands still at pace 0.

    By `process`, it goes on with the processor's time, and with each call and wait by what these last: so a function of
    one thread is timed exactly, whatever else the machine does.
    """

    def __init__(self, source: str) -> None:
        self._is_of_process = source == "process"
        self._source = _process_time if self._is_of_process else _monotonic
        self.set(0.0, 0.0, 0.0)

    def set(self, now: float, pace: float, latency: float) -> None:
        """It is `now`; a call lasts `latency` seconds, if it goes by the process."""
        self._now, self._pace, self._latency, self._begun = now, pace, latency, self._source()

    def __call__(self) -> float:
        """In place of time.time."""
        return self._now + (self._source() - self._begun) * self._pace

    def sleep(self, seconds: float) -> None:
        """In place of time.sleep."""
        if self._is_of_process or not self._pace:
            self._now += seconds
        else:
            _sleep(seconds / self._pace)

    def call(self) -> None:
        """A call has been made."""
        if self._is_of_process:
            self._now += self._latency


class _Calls:
    """The boto3 calls that the function makes: they move the clock, and are recorded to be made again without it."""

    def __init__(self, called: Callable[[], None] | None) -> None:
        self._called = called
        self._recorded: list[tuple[Callable[..., Any], str, Document]] = []

    def watch(self, *, is_recording: bool) -> Callable[[], None]:
        """Watch calls from now on; what is returned ends it."""
        from botocore import xform_name  # noqa: PLC0415 -- the function's own
        from botocore.client import BaseClient  # noqa: PLC0415

        client_class: Any = BaseClient
        make_call = client_class._make_api_call  # noqa: SLF001
        if is_recording:
            self._recorded.clear()

        def watched(client: Any, operation: str, parameters: Document) -> Any:
            if is_recording:
                self._recorded.append((getattr(client, xform_name(operation)), operation, parameters))
            answer = make_call(client, operation, parameters)
            if self._called is not None:
                self._called()
            return answer

        client_class._make_api_call = watched  # noqa: SLF001

        def end() -> None:
            client_class._make_api_call = make_call  # noqa: SLF001

        return end

    def replay(self, threads: int) -> None:
        """Make the recorded calls: deletes on so many threads, where there are several, and all else in turn."""
        with ThreadPoolExecutor(threads) as pool:
            pending = []
            for call, operation, parameters in self._recorded:
                if operation == "BatchWriteItem" and threads > 1:
                    pending.append(pool.submit(call, **parameters))
                else:
                    call(**parameters)
            for each in pending:
                each.result()


class _Context:
    def __init__(self, seconds: float) -> None:
        self._deadline = time.time() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return round((self._deadline - time.time()) * 1000)


def peak_memory_bytes() -> int:
    """The most memory that this program has had at once; ru_maxrss may be that of the process that started it."""
    with open("/proc/self/status") as status:  # noqa: PTH123 -- pathlib would be imported for it
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def _invoke(handler: Callable[..., Any], events: list[Document], seconds: float) -> Document:
    """Hand it each event in turn; the processor's seconds that all took, and what the last answer was."""
    answer = error = None
    begun = _process_time()
    for event in events:
        try:
            answer = handler(event, _Context(seconds))
        except Exception as raised:  # noqa: BLE001 -- as Lambda does
            error = repr(raised)
    return {"cpu_seconds": _process_time() - begun, "answer": answer, "error": error}


#: Whose time it is, by the end of the file's path and the function's name. What is in none is the handler's own.
_PARTS = {
    ("botocore/client.py", "_api_call"): "calls",
    ("aws_lambda_powertools/logging/logger.py", "info"): "logs",
    ("aws_lambda_powertools/metrics/metrics.py", "add_metric"): "metrics",
    ("aws_lambda_powertools/metrics/metrics.py", "flush_metrics"): "metrics",
}


def _profile(handler: Callable[..., Any], events: list[Document], seconds: float) -> Document:
    """Where a handler's time goes that has one thread: the parts of the whole without its boto3 calls."""
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    answer = _invoke(handler, events, seconds)
    profile.disable()
    parts = {"all": 0.0, "calls": 0.0, "logs": 0.0, "metrics": 0.0}
    for entry in profile.getstats():
        if isinstance(entry.code, str):
            continue
        if entry.code.co_name == "_invoke":
            parts["all"] = entry.totaltime
        for (path, name), part in _PARTS.items():
            if entry.code.co_name == name and entry.code.co_filename.endswith(path):
                parts[part] += entry.totaltime
    rest = parts["all"] - parts["calls"]
    parts["own"] = rest - parts["logs"] - parts["metrics"]
    return answer | {"parts": {name: parts[name] / rest for name in ("logs", "metrics", "own")}}


def main(module: str, source: str) -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    clock = Clock(source)
    if source != "real":
        # Before the function binds them.
        time.time, time.sleep = clock, clock.sleep  # type: ignore[assignment]
    handler = importlib.import_module(module).handler
    calls = _Calls(clock.call if source == "process" else None)
    if source == "process":
        calls.watch(is_recording=False)
    for line in sys.stdin:
        command = json.loads(line)
        clock.set(command.get("now", 0.0), command.get("pace", 0.0), command.get("latency", 0.0))
        if command["do"] == "invoke":
            answer = _invoke(handler, command["events"], command["seconds"])
        elif command["do"] == "profile":
            answer = _profile(handler, command["events"], command["seconds"])
        elif command["do"] == "record":
            end = calls.watch(is_recording=True)
            answer = _invoke(handler, command["events"], command["seconds"])
            end()
        else:
            begun = _process_time()
            calls.replay(command["threads"])
            answer = {"cpu_seconds": _process_time() - begun}
        answer |= {"now": time.time(), "memory_bytes": peak_memory_bytes()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
