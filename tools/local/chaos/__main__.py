"""make chaos: play faults against the whole delayer, and account for every schedule."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tools import processes
from tools.local.chaos.journal import read_journal
from tools.local.chaos.outcome import (
    BURST,
    BURST_DUE,
    LAST_DUE,
    MAPPING_OFF,
    RULE_OFF,
    SCHEDULES,
    MessageArrivals,
    Outcome,
    Posts,
    report,
)
from tools.local.chaos.picture import draw
from tools.local.demo import Arrivals, consuming, read_paths
from tools.local.stack import Stack, free_port, stack_in
from tools.project import ROOT, CommandError
from tools.terminal import run, shown_progress

#: How long after the last pointInTime is waited for what is still under way.
PATIENCE_SECONDS = 240
AFTERMATH_SECONDS = 15

_PICTURE = ROOT / "docs" / "chaos.png"

#: What the proxy does to the functions' calls. `abort_frac` lets the call take effect and cuts the answer off; a call
#: held for 4.5 s takes effect when the function has given it up.
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
_PARTIAL = 0.1
_KILL = 0.02


class Proxy:
    """The proxy between the functions and the embedded AWS, which spoils calls by rules."""

    def __init__(self, port: int, upstream: str, folder: Path) -> None:
        self._url = f"http://127.0.0.1:{port}/_microburst"
        rules = folder / "faults.yml"  # JSON is YAML
        rules.write_text(json.dumps({"rules": _RULES}))
        self._log = (folder / "proxy.log").open("wb")
        command = [sys.executable, "-B", "-m", "microburst", "--upstream", upstream, "--port", str(port)]
        self._process = processes.start([*command, "--config", rules], stdout=self._log, stderr=self._log)
        self.fired: list[dict[str, Any]] = []

    def wait_until_ready(self) -> None:
        """Raises CommandError if it doesn't start."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError):
                self._get("health")
                threading.Thread(target=self._listen, daemon=True).start()
                return
            time.sleep(0.1)
        raise CommandError(f"the fault proxy did not start; run make chaos again. It said: {self._said()}")

    def calls(self) -> int:
        """The calls to DynamoDB and SQS so far."""
        by_service = json.loads(self._get("stats"))["by_service"]
        return sum(each["requests"] for each in by_service if each["service"] in ("dynamodb", "sqs"))

    def stop(self) -> None:
        """End it."""
        # It has nothing to put in order, and would wait for us, who still listen to it.
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _listen(self) -> None:
        # Told as they happen: the proxy itself keeps only the last.
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(f"{self._url}/fired/stream") as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    self.fired.append(json.loads(line.removeprefix(b"data: ")))

    def _get(self, what: str) -> bytes:
        with urllib.request.urlopen(f"{self._url}/{what}", timeout=5) as answer:
            return bytes(answer.read())

    def _said(self) -> str:
        return Path(self._log.name).read_text(errors="replace")[-500:]


def post_all(stack: Stack, chance: random.Random, start: float, console: Console) -> Posts:
    """Post every schedule until it is accepted. Raises CommandError if one never is."""
    dues = [BURST_DUE] * BURST + [chance.randint(20, LAST_DUE) for _ in range(SCHEDULES - BURST)]
    # The soonest first, or they would be overdue before their turn.
    dues.sort()
    posts, lock = Posts(), threading.Lock()

    def post(number: int) -> None:
        due = int(start) + dues[number]
        text = datetime.fromtimestamp(due, UTC).isoformat()
        body = json.dumps({"pointInTime": text, "payload": {"number": number}}).encode()
        for _ in range(50):
            # A consumer's own key makes its repetition the same schedule.
            answer = stack.post(body, {"idempotency-key": f"chaos-{number}"})
            with lock:
                posts.requests += 1
                if answer.status == 201:  # noqa: PLR2004
                    posts.due[answer.body["scheduleId"]] = due
                    if len(posts.due) % 500 == 0:
                        console.print(f"  {len(posts.due)} of {SCHEDULES} accepted")
                    return
            time.sleep(0.2)
        raise CommandError(f"schedule {number} was never accepted; the last answer: {answer.status} {answer.body}")

    pool = ThreadPoolExecutor(6)
    try:
        list(pool.map(post, range(SCHEDULES)))
    finally:
        # After Ctrl-C, nothing that is not yet begun.
        pool.shutdown(cancel_futures=True)
    return posts


@contextlib.contextmanager
def outages(stack: Stack, start: float, console: Console) -> Iterator[None]:
    """Switch the minute's rule and the stream mapping off and on again, as time goes by."""
    events, functions = stack.client("events"), stack.client("lambda")
    (rule,) = [rule["Name"] for rule in events.list_rules()["Rules"]]
    (mapping,) = [mapping["UUID"] for mapping in functions.list_event_source_mappings()["EventSourceMappings"]]
    steps: list[tuple[int, str, Callable[[], object]]] = [
        (RULE_OFF[0], "the minute's rule is off", lambda: events.disable_rule(Name=rule)),
        (RULE_OFF[1], "the minute's rule is on", lambda: events.enable_rule(Name=rule)),
        (
            MAPPING_OFF[0],
            "the mapping is off",
            lambda: functions.update_event_source_mapping(UUID=mapping, Enabled=False),
        ),
        (
            MAPPING_OFF[1],
            "the mapping is on",
            lambda: functions.update_event_source_mapping(UUID=mapping, Enabled=True),
        ),
    ]
    is_over = threading.Event()

    def play() -> None:
        for at, what, step in steps:
            if is_over.wait(max(0, start + at - time.time())):
                return
            step()
            console.print(f"  {at} s: {what}")

    player = threading.Thread(target=play, daemon=True)
    player.start()
    try:
        yield
    finally:
        is_over.set()
        player.join()


def wait_for_all(posts: Posts, arrivals: Arrivals, console: Console) -> None:
    """Wait until every schedule has come, and what comes twice, or until patience ends."""
    last = max(posts.due.values())
    shown = 0.0
    complete_at: float | None = None
    while time.time() < last + PATIENCE_SECONDS and not (complete_at and time.time() > complete_at + AFTERMATH_SECONDS):
        time.sleep(0.5)
        missing = len(posts.due.keys() - arrivals.times.keys())
        if time.time() > shown + 30:
            shown = time.time()
            console.print(f"  {len(posts.due) - missing} of {len(posts.due)} have arrived")
        if not missing and time.time() > last:
            complete_at = complete_at or time.time()


def lying(stack: Stack) -> dict[str, int]:
    """How many records and messages are where none should be left at the end."""
    table = stack.client("dynamodb").scan(TableName=stack.outputs["table_name"], Select="COUNT")["Count"]
    failures = stack.client("s3").list_objects_v2(Bucket=stack.outputs["failure_bucket_name"])["KeyCount"]
    dead = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["delayer_dead_letter_queue_url"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    return {"in the table": table, "in the failure bucket": failures, "in the dead-letter queue": int(dead)}


def wreak(console: Console) -> bool:
    """Run it; whether nothing was lost, early or unexplained. Raises CommandError."""
    said = sys.argv[1] if len(sys.argv) > 1 else str(random.randrange(2**32))
    if not said.isdecimal():
        raise CommandError(f"SEED has to be a whole number, as an earlier run printed it, not {said!r}")
    seed = int(said)
    console.print(f"This takes ten minutes. SEED={seed} (it decides what is posted and done in part, not the timing)")
    folder = ROOT / "build" / "work" / f"chaos-{os.getpid()}"
    # Outside of the folder that the stack empties and removes.
    kept = ROOT / "build" / "work" / "chaos"
    kept.mkdir(parents=True, exist_ok=True)
    journal_path = kept / "journal.jsonl"
    journal_path.unlink(missing_ok=True)
    port = free_port()
    plan = {"seed": seed, "partial": _PARTIAL, "kill": _KILL, "journal": str(journal_path)}
    variables = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "EMBEDDED_AWS_FAULTS": json.dumps(plan)}
    with contextlib.ExitStack() as cleanup:
        with shown_progress(console) as progress:
            stack = cleanup.enter_context(stack_in(folder, progress, variables))
        proxy = Proxy(port, stack.endpoint, kept)
        cleanup.callback(proxy.stop)
        proxy.wait_until_ready()
        arrivals, start = MessageArrivals(), time.time()
        with consuming(stack, arrivals), outages(stack, start, console):
            posts = post_all(stack, random.Random(seed), start, console)
            wait_for_all(posts, arrivals, console)
        read_paths(stack, arrivals)
        with journal_path.open(encoding="utf-8") as lines:
            journal = read_journal(lines, proxy.fired)
        is_good, table, title = report(Outcome(start, posts, arrivals, journal, proxy.calls(), lying(stack)))
    points = [
        (due - start, min(arrivals.times[schedule_id]) - due, arrivals.paths.get(schedule_id, "sweep"))
        for schedule_id, due in posts.due.items()
        if schedule_id in arrivals.times
    ]
    draw(_PICTURE, points, [("minute's rule off", *RULE_OFF), ("stream mapping off", *MAPPING_OFF)], title)
    console.print(table)
    console.print(f"The picture is in {_PICTURE.relative_to(ROOT)}.")
    console.print(
        "As it has to be." if is_good else "NOT as it has to be.", style="bold green" if is_good else "bold red"
    )
    if not is_good:
        # The next run writes its own there.
        failed = kept.with_name(f"chaos-failed-{seed}")
        shutil.rmtree(failed, ignore_errors=True)
        kept.rename(failed)
        console.print(f"What the embedded AWS and the proxy wrote down is in {failed.relative_to(ROOT)}.")
    return is_good


if __name__ == "__main__":
    run("make chaos", wreak)
