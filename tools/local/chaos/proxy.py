"""The proxy between the functions and the embedded AWS, which spoils calls: microburst, started with our rules."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from tools import processes
from tools.project import CommandError

#: `abort_frac` lets the call take effect and cuts its answer off; a call that is held for 4.5 s takes effect after the
#: function has given it up.
_RULES: list[dict[str, Any]] = [
    {"service": "dynamodb", "probability": 0.06, "error": {"code": "ProvisionedThroughputExceededException"}},
    {"service": "dynamodb", "probability": 0.05, "error": {"code": "InternalServerError", "status": 500}},
    {"service": "sqs", "probability": 0.06, "error": {"code": "RequestThrottled", "status": 400}},
    {"service": "sqs", "probability": 0.05, "error": {"code": "InternalError", "status": 500}},
    *(
        rule
        for service in ("dynamodb", "sqs")
        for rule in (
            {"service": service, "probability": 0.05, "reset": True},
            {"service": service, "probability": 0.08, "response": {"abort_frac": 0.3}},
            {"service": service, "probability": 0.01, "latency": 4_500},
        )
    ),
]

_START_SECONDS = 30


class Proxy:
    """A running proxy. `fired` are its faults so far."""

    def __init__(self, port: int, upstream: str, folder: Path) -> None:
        self._url = f"http://127.0.0.1:{port}/_microburst"
        self._log = folder / "proxy.log"
        rules = folder / "faults.yml"  # JSON is YAML
        rules.write_text(json.dumps({"rules": _RULES}))
        command = [sys.executable, "-B", "-m", "microburst", "--upstream", upstream, "--port", str(port)]
        with self._log.open("wb") as log:
            self._process = processes.start([*command, "--config", rules], stdout=log, stderr=log)
        self.fired: list[dict[str, Any]] = []

    def wait_until_ready(self) -> None:
        """Return when it answers. Raises CommandError if it doesn't start."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError):
                self._get("health")
                threading.Thread(target=self._listen, daemon=True).start()
                return
            time.sleep(0.1)
        said = self._log.read_text(errors="replace")[-500:]
        raise CommandError(f"the fault proxy did not start: run make chaos again. Its log ends with: {said}")

    def calls(self) -> int:
        """Return the number of calls to DynamoDB and SQS so far."""
        by_service = json.loads(self._get("stats"))["by_service"]
        return sum(each["requests"] for each in by_service if each["service"] in ("dynamodb", "sqs"))

    def stop(self) -> None:
        """Kill it: it has nothing to put in order, and would wait for us, who still listen to it."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        # As they happen, because the proxy itself keeps only the latest.
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(f"{self._url}/fired/stream") as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    self.fired.append(json.loads(line.removeprefix(b"data: ")))

    def _get(self, page: str) -> bytes:
        with urllib.request.urlopen(f"{self._url}/{page}", timeout=5) as answer:
            return bytes(answer.read())
