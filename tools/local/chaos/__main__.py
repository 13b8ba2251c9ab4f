"""make chaos: spoil a quarter of the delayer's calls, and account for every schedule. SEED=4711 repeats a run."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.console import Console

from tools.local.arrivals import Arrivals, arriving, consuming, read_paths
from tools.local.chaos.journal import read_journal
from tools.local.chaos.outcome import (
    ARRAY,
    BURST,
    BURST_DUE,
    CANCELLED,
    LAST_DUE,
    MAPPING_OFF,
    RULE_OFF,
    SCHEDULES,
    Outcome,
    Posts,
    report,
)
from tools.local.chaos.proxy import Proxy
from tools.local.stack import Answer, Stack, free_port, stack_in
from tools.project import ROOT, WORK, CommandError
from tools.terminal import Progress, parse, run, shown_progress

#: How long to wait after the last pointInTime for messages that are still under way, and for second ones.
PATIENCE_SECONDS = 240
AFTERMATH_SECONDS = 15

#: Beyond the end of the run, so that nothing but a cancellation removes them.
_CANCELLED_DUE = 7_200
_MOST_TRIES = 50

#: How likely a batch is done in part, and how likely a call kills its function.
_PARTIAL, _KILL = 0.1, 0.02


def post_all(stack: Stack, chance: random.Random, start: float, progress: Progress) -> Posts:
    """Post every schedule until it is accepted, the burst in arrays. Raises CommandError if one never is."""
    dues = [BURST_DUE] * BURST + [chance.randint(20, LAST_DUE) for _ in range(SCHEDULES - BURST)]
    requests = [range(first, first + ARRAY) for first in range(0, BURST, ARRAY)]
    requests += [range(number, number + 1) for number in range(BURST, SCHEDULES)]
    # The soonest first, or they would be overdue before their turn.
    requests.sort(key=lambda numbers: dues[numbers[0]])
    posts, lock = Posts(), threading.Lock()

    def post(numbers: range) -> None:
        due = int(start) + dues[numbers[0]]
        for accepted in _accepted(stack, numbers, due, f"chaos-{numbers[0]}"):
            with lock:
                posts.requests += 1
                posts.due |= dict.fromkeys(accepted, due)
                progress("Posting schedules", len(posts.due), SCHEDULES)

    _in_threads(post, requests)
    return posts


def _accepted(stack: Stack, numbers: range, due: int, key: str) -> Iterator[list[str]]:
    """Yield the scheduleIds of each answer, until all are accepted. With a key, a repeated request changes nothing."""
    point_in_time = datetime.fromtimestamp(due, UTC).isoformat()
    schedules = [{"pointInTime": point_in_time, "payload": {"number": number}} for number in numbers]
    body = json.dumps(schedules if len(numbers) > 1 else schedules[0]).encode()
    for _ in range(_MOST_TRIES):
        answer = stack.post(body, {"idempotency-key": key})
        results = answer.body["results"] if answer.status == HTTPStatus.OK else [answer.body]
        accepted = [each["scheduleId"] for each in results if isinstance(each, dict) and "scheduleId" in each]
        yield accepted
        if len(accepted) == len(numbers):
            return
        time.sleep(0.2)
    raise CommandError(f"a request was refused {_MOST_TRIES} times, last with {answer.status}: {answer.body}")


def cancel_some(stack: Stack, start: float) -> list[str]:
    """Post schedules that are due long after the run, list them, and cancel each; return their scheduleIds.

    Raises CommandError if one is not listed, or can't be cancelled.
    """
    due = int(start) + _CANCELLED_DUE
    *_, cancelled = _accepted(stack, range(CANCELLED), due, "chaos-cancelled")
    query = urlencode({"from": f"{datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}", "limit": CANCELLED})
    page = _until(lambda: stack.request("GET", f"?{query}"), HTTPStatus.OK)
    if {each["scheduleId"] for each in page["schedules"]} != set(cancelled):
        raise CommandError(f"the list has {len(page['schedules'])} of {CANCELLED} schedules that are pending")
    # A request whose function was killed, or whose answer was lost for good, may have cancelled it: then it is gone.
    _in_threads(
        lambda schedule_id: _until(
            lambda: stack.request("DELETE", f"/{schedule_id}"), HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND
        ),
        cancelled,
    )
    return cancelled


def _until(ask: Callable[[], Answer], *statuses: HTTPStatus) -> Any:
    for _ in range(_MOST_TRIES):
        answer = ask()
        if answer.status in statuses:
            return answer.body
        time.sleep(0.2)
    raise CommandError(f"a request was refused {_MOST_TRIES} times, last with {answer.status}: {answer.body}")


def _in_threads[Item](function: Callable[[Item], object], items: Iterable[Item]) -> None:
    pool = ThreadPoolExecutor(6)
    try:
        list(pool.map(function, items))
    finally:
        # After Ctrl-C, begin nothing further.
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def outages(stack: Stack, start: float, console: Console) -> Iterator[None]:
    """Switch the minute's rule and the stream mapping off and on again while the block runs."""
    events, functions = stack.client("events"), stack.client("lambda")
    (rule,) = [rule["Name"] for rule in events.list_rules()["Rules"]]
    (mapping,) = [mapping["UUID"] for mapping in functions.list_event_source_mappings()["EventSourceMappings"]]

    def switch_mapping(*, is_on: bool) -> None:
        functions.update_event_source_mapping(UUID=mapping, Enabled=is_on)

    steps: list[tuple[int, str, Callable[[], object]]] = [
        (RULE_OFF[0], "the minute's rule is off", lambda: events.disable_rule(Name=rule)),
        (RULE_OFF[1], "the minute's rule is on", lambda: events.enable_rule(Name=rule)),
        (MAPPING_OFF[0], "the mapping is off", lambda: switch_mapping(is_on=False)),
        (MAPPING_OFF[1], "the mapping is on", lambda: switch_mapping(is_on=True)),
    ]
    is_over = threading.Event()

    def play() -> None:
        for at, name, step in steps:
            if is_over.wait(max(0, start + at - time.time())):
                return
            step()
            console.print(f"  {at} s: {name}")

    player = threading.Thread(target=play, daemon=True)
    player.start()
    try:
        yield
    finally:
        is_over.set()
        player.join()


def count_left(stack: Stack) -> dict[str, int]:
    """Count the records and messages in the places that should be empty at the end."""
    table = stack.client("dynamodb").scan(TableName=stack.outputs["table_name"], Select="COUNT")["Count"]
    failures = stack.client("s3").list_objects_v2(Bucket=stack.outputs["failure_bucket_name"])["KeyCount"]
    dead = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["delayer_dead_letter_queue_url"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    return {"in the table": table, "in the failure bucket": failures, "in the dead-letter queue": int(dead)}


def play(seed: int, logs: Path, console: Console) -> Outcome:
    """Start the stack behind the proxy, post, and return the outcome. Raises CommandError."""
    journal_path = logs / "journal.jsonl"
    port = free_port()
    plan = {"seed": seed, "partial": _PARTIAL, "kill": _KILL, "journal": str(journal_path)}
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "CHAOS_PLAN": json.dumps(plan),
        "EMBEDDED_AWS_PLUGINS": "tools.local.chaos.faults",
    }
    with contextlib.ExitStack() as cleanup:
        with shown_progress(console) as progress:
            stack = cleanup.enter_context(stack_in(logs.with_name(f"{logs.name}-stack"), progress, variables))
        proxy = Proxy(port, stack.endpoint, logs)
        cleanup.callback(proxy.stop)
        proxy.wait_until_ready()
        arrivals, start = Arrivals(), time.time()
        with consuming(stack, arrivals), outages(stack, start, console), shown_progress(console) as progress:
            posts = post_all(stack, random.Random(seed), start, progress)
            cancelled = cancel_some(stack, start)
            for arrived in arriving(arrivals, posts.due, PATIENCE_SECONDS, AFTERMATH_SECONDS):
                progress("Receiving messages", arrived, SCHEDULES)
        read_paths(stack, arrivals)
        with journal_path.open(encoding="utf-8") as lines:
            journal = read_journal(lines, proxy.fired)
        return Outcome(start, posts, cancelled, arrivals, journal, proxy.calls(), count_left(stack))


def main(console: Console, seed_text: str) -> bool:
    """Run it; return whether nothing was lost, early or unexplained. Raises CommandError."""
    if not seed_text.isdecimal():
        raise CommandError(f"SEED must be a whole number, as an earlier run printed it, not {seed_text!r}")
    seed = int(seed_text)
    console.print(
        f"This takes ten minutes. SEED={seed} repeats what is posted and what is done in part, not the timing."
    )
    logs = WORK / f"chaos-{seed}"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    outcome = play(seed, logs, console)
    is_good, table = report(outcome)
    console.print(table)
    if is_good:
        console.print("Passed.", style="bold green")
        shutil.rmtree(logs)
    else:
        console.print(f"FAILED. The journal and the proxy's log are in {logs.relative_to(ROOT)}.", style="bold red")
    return is_good


if __name__ == "__main__":
    arguments = parse(sys.argv[1:], "seed")
    run("make chaos", lambda console: main(console, arguments.seed or str(random.randrange(2**32))))
