"""make chaos: spoil a quarter of the delayer's calls, and account for every schedule. SEED=4711 repeats a run."""

import contextlib
import json
import random
import shutil
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.table import Table

from tools import processes, terminal
from tools.local.arrivals import accepted, arriving, consuming, post
from tools.local.chaos.outcome import BURST, BURST_DUE, MAPPING_OFF, RULE_OFF, SCHEDULES, Journal, report
from tools.local.stack import INTERRUPTED, Answer, Stack, comes_up, free_port, stack_in
from tools.project import ROOT, WORK, CommandError

#: So many of the BURST are posted in a request, and so many schedules more are cancelled.
_ARRAY, _CANCELLED = 50, 100

_THREADS, _MOST_TRIES = 6, 50

#: The rules of microburst, the proxy. `abort_frac` lets the call take effect and cuts its answer off; a call that is
#: held for 4.5 s takes effect after the function has given it up.
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


@contextlib.contextmanager
def spoiling(port: int, upstream: int, folder: Path) -> Iterator[Callable[[str], Any]]:
    """Spoil calls between two ports by a proxy with its log in `folder`; yield what reads a page of the proxy's."""
    url, rules, log = f"http://127.0.0.1:{port}/_microburst", folder / "faults.yml", folder / "proxy.log"
    rules.write_text(json.dumps({"rules": _RULES}))  # JSON is YAML
    options = [f"--upstream=http://127.0.0.1:{upstream}", f"--port={port}", f"--config={rules}"]

    def read(page: str) -> Any:
        with urllib.request.urlopen(f"{url}/{page}", timeout=5) as answer:
            return json.load(answer)

    command = [sys.executable, "-B", "-m", "microburst", *options]
    with log.open("wb") as output, processes.start(command, stdout=output, stderr=output) as process:
        try:
            if not comes_up(process, f"{url}/health"):
                said = log.read_text(errors="replace")[-500:]
                raise CommandError(f"the fault proxy did not start: run make chaos again. Its log ends with: {said}")
            yield read
        finally:
            process.kill()


def post_all(
    stack: Stack, chance: random.Random, start: int, progress: terminal.Progress
) -> tuple[dict[str, int], int]:
    """Post every schedule, the burst in arrays; return when each is due, by scheduleId, and the number of requests."""
    batches = [(start + BURST_DUE, range(first, first + _ARRAY)) for first in range(0, BURST, _ARRAY)]
    batches += [(start + chance.randint(20, 420), range(number, number + 1)) for number in range(BURST, SCHEDULES)]
    # The soonest first, or they would be overdue before their turn.
    batches.sort(key=itemgetter(0))
    posted: dict[str, int] = {}
    requests = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        for of_batch, tries in pool.map(lambda batch: _post(stack, *batch), batches):
            posted |= of_batch
            requests += tries
            progress("Posting schedules", len(posted), SCHEDULES)
    return posted, requests


def _post(stack: Stack, due: int, numbers: range) -> tuple[dict[str, int], int]:
    # With a key, a repeated request changes nothing.
    headers = {"idempotency-key": f"chaos-{numbers[0]}"}
    answer, tries = _until(
        lambda: post(stack, due, [{"number": number} for number in numbers], headers),
        lambda answer: len(accepted(answer)) == len(numbers),
    )
    return dict.fromkeys(accepted(answer), due), tries


def cancel_some(stack: Stack, start: int) -> list[str]:
    """Post schedules, list them, and cancel each; return their scheduleIds. Raises CommandError if one is missing."""
    due = start + 7_200  # long after the run, so that nothing else removes them
    posted, _ = _post(stack, due, range(SCHEDULES, SCHEDULES + _CANCELLED))
    query = urlencode({"from": f"{datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}", "limit": _CANCELLED})
    page, _ = _until(lambda: stack.request("GET", f"?{query}"), lambda answer: answer.status == HTTPStatus.OK)
    if {each["scheduleId"] for each in page.body["schedules"]} != posted.keys():
        raise CommandError(f"the list has {len(page.body['schedules'])} of {_CANCELLED} schedules that are pending")
    # A request whose function was killed, or whose answer was lost for good, may have cancelled it: then it is gone.
    gone = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)

    def cancel(schedule_id: str) -> None:
        _until(lambda: stack.request("DELETE", f"/{schedule_id}"), lambda answer: answer.status in gone)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(cancel, posted))
    return list(posted)


def _until(ask: Callable[[], Answer], is_good: Callable[[Answer], bool]) -> tuple[Answer, int]:
    """Ask until the answer is good; return it and the number of requests. Raises CommandError if it never is."""
    for tries in range(1, _MOST_TRIES + 1):
        answer = ask()
        if is_good(answer):
            return answer, tries
        time.sleep(0.2)
    raise CommandError(f"a request was refused {_MOST_TRIES} times, last with {answer.status}: {answer.body}")


@contextlib.contextmanager
def outages(stack: Stack, start: int, console: Console) -> Iterator[None]:
    """Switch the minute's rule and the stream mapping off and on again while the block runs."""
    events, functions = stack.client("events"), stack.client("lambda")
    (rule,) = [rule["Name"] for rule in events.list_rules()["Rules"]]
    (mapping,) = [mapping["UUID"] for mapping in functions.list_event_source_mappings()["EventSourceMappings"]]
    switch_mapping = partial(functions.update_event_source_mapping, UUID=mapping)

    def act(at: int, name: str, switch: Callable[[], object]) -> None:
        switch()
        console.print(f"  {at} s: {name}")

    steps = (
        (RULE_OFF[0], "the minute's rule is off", partial(events.disable_rule, Name=rule)),
        (RULE_OFF[1], "the minute's rule is on", partial(events.enable_rule, Name=rule)),
        (MAPPING_OFF[0], "the mapping is off", partial(switch_mapping, Enabled=False)),
        (MAPPING_OFF[1], "the mapping is on", partial(switch_mapping, Enabled=True)),
    )
    with contextlib.ExitStack() as end:
        for step in steps:
            timer = threading.Timer(start + step[0] - time.time(), act, step)
            timer.start()
            end.callback(timer.join)
            end.callback(timer.cancel)
        yield


def count_left(stack: Stack) -> dict[str, int]:
    """Count the records and messages in the places that should be empty at the end."""
    table = stack.client("dynamodb").scan(TableName=stack.outputs["table_name"], Select="COUNT")["Count"]
    failures = stack.client("s3").list_objects_v2(Bucket=stack.outputs["failure_bucket_name"])["KeyCount"]
    dead = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["delayer_dead_letter_queue_url"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    return {"in the table": table, "in the failure bucket": failures, "in the dead-letter queue": int(dead)}


def play(seed: int, logs: Path, console: Console) -> tuple[bool, Table]:
    """Start the stack behind the proxy, post, and return the report. Raises CommandError."""
    proxy, upstream, journal_path = free_port(), free_port(), logs / "journal.jsonl"
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy}",
        "CHAOS_JOURNAL": str(journal_path),
        "CHAOS_SEED": str(seed),
        "EMBEDDED_AWS_PLUGINS": "tools.local.chaos.faults",
    }
    folder = logs.with_name(f"{logs.name}-stack")
    shown = terminal.shown_progress(console)
    with spoiling(proxy, upstream, logs) as read, stack_in(folder, shown, variables, upstream) as stack:
        start = int(time.time())
        with consuming(stack) as arrivals, outages(stack, start, console), terminal.shown_progress(console) as progress:
            due, requests = post_all(stack, random.Random(seed), start, progress)
            cancelled = cancel_some(stack, start)
            for arrived in arriving(arrivals, due, patience=240, aftermath=15):
                progress("Receiving messages", arrived, SCHEDULES)
        by_service = read("stats")["by_service"]
        calls = sum(each["requests"] for each in by_service if each["service"] in ("dynamodb", "sqs"))
        # The proxy shows so many of its faults; a run has less than a thousand.
        journal = Journal(journal_path.read_text().splitlines(), read("fired?limit=2000"), calls)
        left = count_left(stack)
    return report(
        start=start, due=due, requests=requests, cancelled=cancelled, arrivals=arrivals, journal=journal, left=left
    )


def spoil(seed_text: str) -> bool:
    """Run it; return whether nothing was lost, early or unexplained. Raises CommandError."""
    if not (seed_text or "0").isdecimal():
        raise CommandError(f"SEED must be a whole number, as an earlier run printed it, not {seed_text!r}")
    seed = int(seed_text or random.randrange(2**32))
    console = terminal.open_console()
    console.print(
        f"This takes ten minutes. SEED={seed} repeats what is posted and what is done in part, not the timing."
    )
    logs = WORK / f"chaos-{seed}"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    is_good, table = play(seed, logs, console)
    console.print(table)
    if is_good:
        console.print("Passed.", style="bold green")
        shutil.rmtree(logs)
    else:
        console.print(f"FAILED. The journal and the proxy's log are in {logs.relative_to(ROOT)}.", style="bold red")
    return is_good


if __name__ == "__main__":
    terminal.main("make chaos", spoil, interrupted=INTERRUPTED)
