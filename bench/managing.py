"""The requests of posting many schedules at once, of looking up, listing and cancelling, counted by the canned AWS."""

import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from rich.console import Console

from bench.canned_aws import TABLE, Document
from bench.events import NEW_TABLE_PARTITIONS, NOW, PARTITION_WRITES_PER_SECOND, PENDING, SHARDS, array_event
from bench.processes import CannedAws, Process
from bench.table import Figure, at_least, at_most
from delayer.schedules import format_point_in_time
from tools.capacity.model import CALL_SECONDS
from tools.operate.cancel import cancel
from tools.operate.environment import Environment
from tools.operate.list import parse_range
from tools.project import DELETE, POST, SWEEP

_GET = "api-schedule-get"
_SCHEDULES, _IN_ARRAY = 1_000, 100
_PAGE = 100
_CANCELLED = 100_000


def measure(folder: Path) -> Iterator[Figure]:
    """Count the requests of each route, and cancel a hundred thousand schedules as an operator does."""
    with CannedAws(folder) as aws, aws.start(POST) as post, aws.start(_GET) as get, aws.start(DELETE) as delete:
        arrays = [
            array_event(range(first, first + _IN_ARRAY), NOW + 3_600) for first in range(0, _SCHEDULES, _IN_ARRAY)
        ]
        counted = _counted(aws, post, *arrays)
        name = f"{_SCHEDULES:,} schedules in {len(arrays)} requests"
        yield _requests(f"{name}: requests", counted, {"BatchWriteItem": 40})
        yield at_most(f"{name}: puts per schedule", counted["entries"]["BatchWriteItem"] / _SCHEDULES, 1, form=".4g")
        yield at_least(f"{name}: stored", counted["left"], _SCHEDULES)

        page = {"routeKey": "GET /schedules", "rawQueryString": urlencode({"limit": _PAGE})}
        yield from page_figures({pending: _counted(aws, get, page, pending=pending) for pending in PENDING})

        schedule_id = f"003-{NOW + 86_400:012d}-none"
        for function, method, operation in ((get, "GET", "GetItem"), (delete, "DELETE", "DeleteItem")):
            route = f"{method} /schedules/{{scheduleId}}"
            event = {"routeKey": route, "pathParameters": {"scheduleId": schedule_id}}
            yield _requests(route, _counted(aws, function, event), {operation: 1})

        yield from _operator(aws)


def _counted(aws: CannedAws, function: Process, *events: Document, pending: int = 0) -> Document:
    """Return the canned AWS's counts of these events, with so many schedules pending."""
    aws.ask("reset", now=NOW)
    # All are due in the same second: the hardest case of a page.
    aws.ask("load", count=pending, shards=SHARDS, due=NOW + 30 * 86_400, payload_bytes=300)
    function.ask("invoke", events=events, now=NOW)
    return aws.ask("counted")


def _requests(name: str, counted: Document, expected: Mapping[str, int], bound: str = "") -> Figure:
    """Return the figure of requests that must be exactly those expected."""
    shown = [
        ", ".join(f"{count:,} {kind}" for kind, count in requests.items())
        for requests in (counted["requests"], expected)
    ]
    return Figure(name, shown[0], bound or shown[1], counted["requests"] == expected)


def page_figures(pages: Mapping[int, Document]) -> Iterator[Figure]:
    """Yield the reads of a page of the list, from the counts by how many schedules were pending."""
    first, *others = pages.values()
    yield _requests(f"a page of {_PAGE} over {SHARDS} shards", first, {"Query": SHARDS}, "one query per shard")
    read = max(page["keys_read"] for page in pages.values())
    # At most twice the keys that it shows, and the last of each shard.
    yield at_most(f"keys read for a page of {_PAGE}", read, 2 * _PAGE + 2 * SHARDS)
    is_same = all(each["requests"] == first["requests"] for each in others)
    shown = ", ".join(f"{pending:,}: {page['requests']['Query']}" for pending, page in pages.items())
    yield Figure("queries of a page, by schedules pending", shown, "the same, however many", is_same)


def _operator(aws: CannedAws) -> Iterator[Figure]:
    """Cancel schedules with make cancel, on the write limits of a new table, in the wall's time."""
    start = int(time.time()) + 86_400
    limits = {"latency": CALL_SECONDS, "writes_per_second": PARTITION_WRITES_PER_SECOND}
    aws.ask("reset", now=time.time(), pace=1.0, **limits)
    aws.ask("load", count=_CANCELLED, shards=NEW_TABLE_PARTITIONS, due=start, payload_bytes=300)
    dynamodb = boto3.client(
        "dynamodb", endpoint_url=aws.endpoint, region_name="us-east-1", aws_access_key_id="key",
        aws_secret_access_key="secret", config=Config(proxies={}),  # noqa: S106 -- the canned AWS checks none
    )  # fmt: skip
    settings = {"Environment": {"Variables": {"SHARD_COUNT": str(NEW_TABLE_PARTITIONS)}}}
    functions = SimpleNamespace(get_function_configuration=lambda **_: settings)
    clients = {"dynamodb": dynamodb, "lambda": functions}
    environment = Environment("bench", {"table_name": TABLE, "function_names": {SWEEP: SWEEP}}, clients.__getitem__)
    wanted = parse_range(format_point_in_time(start), format_point_in_time(start + 1))
    begun = time.monotonic()
    is_done = cancel(environment, Console(file=io.StringIO()), wanted, is_dry_run=False, is_agreed=True)
    seconds = time.monotonic() - begun
    left = aws.ask("counted")["left"]
    name = f"make cancel of {_CANCELLED:,} on a new table"
    yield Figure(f"{name}: s", f"{seconds:,.0f}", note="4,000 deletes a second at most, so at least 25 s")
    yield Figure(f"{name}: left", f"{left:,}", "none", is_done and not left)
