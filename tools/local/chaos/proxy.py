"""The proxy between the functions and the embedded AWS, which spoils calls: microburst, started with our rules."""

import contextlib
import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools import processes
from tools.project import CommandError

#: `abort_frac` lets the call take effect and cuts its answer off; a call that is held for 4.5 s takes effect after the
#: function has given it up.
_RULES = [
    {"service": service} | fault
    for service, throttled, failed in (
        ("dynamodb", {"code": "ProvisionedThroughputExceededException"}, "InternalServerError"),
        ("sqs", {"code": "RequestThrottled", "status": 400}, "InternalError"),
    )
    for fault in (
        {"probability": 0.06, "error": throttled},
        {"probability": 0.05, "error": {"code": failed, "status": 500}},
        {"probability": 0.05, "reset": True},
        {"probability": 0.08, "response": {"abort_frac": 0.3}},
        {"probability": 0.01, "latency": 4_500},
    )
]

_START_SECONDS = 30


@contextlib.contextmanager
def spoiling(port: int, upstream: str, folder: Path) -> Iterator[Callable[[str], Any]]:
    """Spoil calls on their way from a port to the embedded AWS. Yield a function that reads a page of the proxy's.

    Raises CommandError if it doesn't start. It keeps its rules and its log in `folder`.
    """
    rules, log = folder / "faults.yml", folder / "proxy.log"
    rules.write_text(json.dumps({"rules": _RULES}))  # JSON is YAML
    options = ["--upstream", upstream, "--port", str(port), "--config", str(rules)]

    def read(page: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_microburst/{page}", timeout=5) as answer:
            return json.load(answer)

    with log.open("wb") as output:
        process = processes.start([sys.executable, "-B", "-m", "microburst", *options], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + _START_SECONDS
        is_ready = False
        while not is_ready:
            if time.monotonic() >= deadline or process.poll() is not None:
                said = log.read_text(errors="replace")[-500:]
                raise CommandError(f"the fault proxy did not start: run make chaos again. Its log ends with: {said}")
            time.sleep(0.1)
            with contextlib.suppress(OSError):
                is_ready = bool(read("health"))
        yield read
    finally:
        process.kill()
        process.wait()
