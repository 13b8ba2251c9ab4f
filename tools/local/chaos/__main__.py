"""make chaos: spoil a quarter of the delayer's calls, and account for every schedule. SEED=4711 repeats a run."""

import contextlib
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from rich.console import Console

from tools import terminal
from tools.local.arrivals import accepted, arriving, consuming, post
from tools.local.chaos.outcome import BURST, BURST_DUE, MAPPING_OFF, RULE_OFF, SCHEDULES, Journal, Outcome, report
from tools.local.chaos.proxy import spoiling
from tools.local.stack import INTERRUPTED, Answer, Stack, free_port, stack_in
from tools.project import ROOT, WORK, CommandError

#: So many of the BURST are posted in a request.
_ARRAY = 50

#: Seconds after the start when the last schedule is due.
_LAST_DUE = 420

#: So many more are cancelled, and due beyond the end of the run, so that nothing else removes them.
_CANCELLED = 100
_CANCELLED_DUE = 7_200

_THREADS = 6
_MOST_TRIES = 50

#: The proxy keeps so many of its faults; a run has less than a thousand.
_KEPT_FAULTS = 2_000


def post_all(
    stack: Stack, chance: random.Random, start: float, progress: terminal.Progress
) -> tuple[dict[str, int], int]:
    """Post every schedule until it is accepted, the burst in arrays. Raises CommandError if one never is.

    Return when each is due, by scheduleId, and the number of requests.
    """
    dues = [BURST_DUE] * BURST + [chance.randint(20, _LAST_DUE) for _ in range(SCHEDULES - BURST)]
    batches = [range(first, first + _ARRAY) for first in range(0, BURST, _ARRAY)]
    batches += [range(number, number + 1) for number in range(BURST, SCHEDULES)]
    # The soonest first, or they would be overdue before their turn.
    batches.sort(key=lambda numbers: dues[numbers[0]])
    posted: dict[str, int] = {}
    statuses: list[int] = []

    def post_batch(numbers: range) -> None:
        due = int(start) + dues[numbers[0]]

        def is_accepted(answer: Answer) -> bool:
            statuses.append(answer.status)
            posted.update(dict.fromkeys(accepted(answer), due))
            progress("Posting schedules", len(posted), SCHEDULES)
            return len(accepted(answer)) == len(numbers)

        _until(_posting(stack, numbers, due, f"chaos-{numbers[0]}"), is_accepted)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(post_batch, batches))
    return posted, len(statuses)


def _posting(stack: Stack, numbers: range, due: int, key: str) -> Callable[[], Answer]:
    """Return a request that may be repeated: with a key, it changes nothing again."""
    return lambda: post(stack, due, [{"number": number} for number in numbers], {"idempotency-key": key})


def cancel_some(stack: Stack, start: float) -> list[str]:
    """Post schedules that are due long after the run, list them, and cancel each; return their scheduleIds.

    Raises CommandError if one is not listed, or can't be cancelled.
    """
    due = int(start) + _CANCELLED_DUE
    request = _posting(stack, range(_CANCELLED), due, "chaos-cancelled")
    cancelled = accepted(_until(request, lambda answer: len(accepted(answer)) == _CANCELLED))
    query = urlencode({"from": f"{datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}", "limit": _CANCELLED})
    page = _until(lambda: stack.request("GET", f"?{query}"), lambda answer: answer.status == HTTPStatus.OK).body
    if {each["scheduleId"] for each in page["schedules"]} != set(cancelled):
        raise CommandError(f"the list has {len(page['schedules'])} of {_CANCELLED} schedules that are pending")
    # A request whose function was killed, or whose answer was lost for good, may have cancelled it: then it is gone.
    gone = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)

    def cancel(schedule_id: str) -> None:
        _until(lambda: stack.request("DELETE", f"/{schedule_id}"), lambda answer: answer.status in gone)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(cancel, cancelled))
    return cancelled


def _until(ask: Callable[[], Answer], is_good: Callable[[Answer], bool]) -> Answer:
    """Ask until the answer is good, and return it. Raises CommandError if it never is."""
    for _ in range(_MOST_TRIES):
        answer = ask()
        if is_good(answer):
            return answer
        time.sleep(0.2)
    raise CommandError(f"a request was refused {_MOST_TRIES} times, last with {answer.status}: {answer.body}")


@contextlib.contextmanager
def outages(stack: Stack, start: float, console: Console) -> Iterator[None]:
    """Switch the minute's rule and the stream mapping off and on again while the block runs."""
    events, functions = stack.client("events"), stack.client("lambda")
    (rule,) = [rule["Name"] for rule in events.list_rules()["Rules"]]
    (mapping,) = [mapping["UUID"] for mapping in functions.list_event_source_mappings()["EventSourceMappings"]]

    def switch(at: int, name: str, call: Callable[..., object], **how: object) -> threading.Timer:
        def act() -> None:
            call(**how)
            console.print(f"  {at} s: {name}")

        return threading.Timer(start + at - time.time(), act)

    timers = [
        switch(RULE_OFF[0], "the minute's rule is off", events.disable_rule, Name=rule),
        switch(RULE_OFF[1], "the minute's rule is on", events.enable_rule, Name=rule),
        switch(
            MAPPING_OFF[0], "the mapping is off", functions.update_event_source_mapping, UUID=mapping, Enabled=False
        ),
        switch(MAPPING_OFF[1], "the mapping is on", functions.update_event_source_mapping, UUID=mapping, Enabled=True),
    ]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
            timer.join()


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
    port = free_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "CHAOS_JOURNAL": str(logs / "journal.jsonl"),
        "CHAOS_SEED": str(seed),
        "EMBEDDED_AWS_PLUGINS": "tools.local.chaos.faults",
    }
    with contextlib.ExitStack() as cleanup:
        with terminal.shown_progress(console) as progress:
            stack = cleanup.enter_context(stack_in(logs.with_name(f"{logs.name}-stack"), progress, variables))
        read = cleanup.enter_context(spoiling(port, stack.endpoint, logs))
        start = time.time()
        with (
            consuming(stack) as arrivals,
            outages(stack, start, console),
            terminal.shown_progress(console) as progress,
        ):
            due, requests = post_all(stack, random.Random(seed), start, progress)
            cancelled = cancel_some(stack, start)
            for arrived in arriving(arrivals, due, patience=240, aftermath=15):
                progress("Receiving messages", arrived, SCHEDULES)
        with (logs / "journal.jsonl").open(encoding="utf-8") as lines:
            journal = Journal(lines, read(f"fired?limit={_KEPT_FAULTS}"))
        by_service = read("stats")["by_service"]
        calls = sum(each["requests"] for each in by_service if each["service"] in ("dynamodb", "sqs"))
        return Outcome(start, due, requests, cancelled, arrivals, journal, calls, count_left(stack))


def spoil(seed: str) -> bool:
    """Run it; return whether nothing was lost, early or unexplained. Raises CommandError."""
    seed = seed or str(random.randrange(2**32))
    if not seed.isdecimal():
        raise CommandError(f"SEED must be a whole number, as an earlier run printed it, not {seed!r}")
    console = terminal.open_console()
    console.print(
        f"This takes ten minutes. SEED={int(seed)} repeats what is posted and what is done in part, not the timing."
    )
    logs = WORK / f"chaos-{int(seed)}"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    is_good, table = report(play(int(seed), logs, console))
    console.print(table)
    if is_good:
        console.print("Passed.", style="bold green")
        shutil.rmtree(logs)
    else:
        console.print(f"FAILED. The journal and the proxy's log are in {logs.relative_to(ROOT)}.", style="bold red")
    return is_good


if __name__ == "__main__":
    terminal.main("make chaos", spoil, interrupted=INTERRUPTED)
