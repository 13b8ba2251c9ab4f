"""One function as Lambda runs it: a process with its unpacked zip and nothing else, and an invocation at a time.

`main` takes the module that Lambda imports, its clock's source (`wall`, or `process` for the processor's time), and
whether its clients are botocore's with default settings in place of its own. Each line of standard input is a JSON
command, answered by a JSON line. Commands:

    invoke  hand the handler each of `events`, with `seconds` left (60 unless given)
    record  the same, and keep its AWS calls
    replay  make the kept calls again, bare, with default clients: deletes on so many `threads`, everything else in turn

`now`, `pace` and `latency` set the clock first. Answers hold `cpu_seconds`, `logged_bytes`, and `now` and
`memory_bytes` at the end.
"""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

_monotonic, _process_time, _sleep = time.monotonic, time.process_time, time.sleep


class _Clock:
    """The function's clock: it advances by `pace` seconds for each second of its source, and stands still at pace 0.

    By the processor's time, each call and each wait also advances it by its own length. So a function of one thread is
    timed exactly, whatever else the machine does.
    """

    def __init__(self, source: str) -> None:
        self._is_of_process = source == "process"
        self._source = _process_time if self._is_of_process else _monotonic
        self.set()

    def set(self, now: float = 0.0, pace: float = 0.0, latency: float = 0.0) -> None:
        """Set the time. `latency` is the length of a call, where the source is the processor's time."""
        self._now, self._pace, self._latency, self._begun = now, pace, latency, self._source()

    def time(self) -> float:
        """Replace time.time."""
        return self._now + (self._source() - self._begun) * self._pace

    def sleep(self, seconds: float) -> None:
        """Replace time.sleep."""
        if self._is_of_process or not self._pace:
            self._now += seconds
        else:
            _sleep(seconds / self._pace)

    def pass_call(self) -> None:
        """Advance by the length of a call."""
        if self._is_of_process:
            self._now += self._latency


class _Calls:
    """The function's AWS calls: they advance the clock, and can be kept to be made again without the function."""

    def __init__(self, clock: _Clock) -> None:
        from botocore import client, xform_name  # noqa: PLC0415 -- the function's own

        self.are_kept = False
        default_clients: dict[str, Any] = {}
        self._kept: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []
        client_class: Any = client.BaseClient
        make_call = client_class._make_api_call  # noqa: SLF001

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if self.are_kept:
                service = client.meta.service_model.service_name
                if service not in default_clients:
                    default_clients[service] = _default_client(service)
                self._kept.append((operation, getattr(default_clients[service], xform_name(operation)), parameters))
            answer = make_call(client, operation, parameters)
            clock.pass_call()
            return answer

        client_class._make_api_call = call  # noqa: SLF001

    def replay(self, threads: int) -> None:
        """Make the kept calls."""
        with ThreadPoolExecutor(threads) as pool:
            pending = []
            for operation, call, parameters in self._kept:
                if operation == "BatchWriteItem" and threads > 1:
                    pending.append(pool.submit(call, **parameters))
                else:
                    call(**parameters)
            for each in pending:
                each.result()


def _default_client(service: str, *_: int, **_settings: int) -> Any:
    from botocore.session import get_session  # noqa: PLC0415 -- the function's own

    return get_session().create_client(service)


def _context(seconds: float) -> SimpleNamespace:
    deadline = time.time() + seconds
    return SimpleNamespace(get_remaining_time_in_millis=lambda: round((deadline - time.time()) * 1000))


def _peak_memory_bytes() -> int:
    # Not ru_maxrss: it may be the parent's.
    with open("/proc/self/status") as status:  # noqa: PTH123 -- pathlib would be imported for it
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main(module: str, source: str, *, has_default_clients: bool) -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    log = tempfile.TemporaryFile()  # noqa: SIM115 -- open until the process ends
    os.dup2(log.fileno(), 1)
    clock = _Clock(source)
    # Before the function binds them.
    time.time, time.sleep = clock.time, clock.sleep  # type: ignore[assignment]
    if has_default_clients:
        importlib.import_module("delayer.clients").make_client = _default_client  # type: ignore[attr-defined]
    handler = importlib.import_module(module).handler
    calls = _Calls(clock)
    for line in sys.stdin:
        command = json.loads(line)
        clock.set(**{name: command[name] for name in ("now", "pace", "latency") if name in command})
        calls.are_kept = command["do"] == "record"
        answer: dict[str, Any] = {}
        log.seek(0)
        log.truncate()
        begun = _process_time()
        try:
            if command["do"] == "replay":
                calls.replay(command["threads"])
            else:
                for event in command["events"]:
                    handler(event, _context(command.get("seconds", 60)))
        except Exception as raised:  # noqa: BLE001 -- whatever a function raises, Lambda goes on
            answer["error"] = repr(raised)
        answer |= {"cpu_seconds": _process_time() - begun, "now": time.time(), "memory_bytes": _peak_memory_bytes()}
        sys.stdout.flush()
        answer["logged_bytes"] = log.seek(0, os.SEEK_END)
        print(json.dumps(answer), file=answers, flush=True)
