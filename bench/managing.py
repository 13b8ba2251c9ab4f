"""The requests of posting many schedules at once, of looking up, listing and cancelling, counted by the canned AWS."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from rich.console import Console

from bench.canned_aws import TABLE
from bench.deployed import DELETE, GET, POST
from bench.processes import CannedAws, FunctionProcess
from bench.requests import NOW, SHARDS, array_event
from bench.table import Figure, at_least, at_most
from delayer.schedules import format_point_in_time
from tools.capacity.model import CALL_SECONDS
from tools.operate.cancel import cancel
from tools.operate.environment import Environment
from tools.operate.list import parse_range
from tools.project import SWEEP

_SCHEDULES, _IN_ARRAY = 1_000, 100
_PENDING = (100, 10_000, 100_000)
_PAGE = 100
#: A page reads at most so many times the keys that it shows.
_MOST_READ = 2.0
_CANCELLED = 100_000
#: A new on-demand table: four partitions of 1,000 write units a second (Amazon DynamoDB developer guide).
_PARTITIONS, _WRITES_PER_SECOND = 4, 1_000

type Document = dict[str, Any]


def measure(folders: Mapping[str, Path]) -> Iterator[Figure]:
    """Count the requests of each route, and cancel a hundred thousand schedules as an operator does."""
    with ExitStack() as stack:
        aws = stack.enter_context(CannedAws())
        post, get, delete = (
            stack.enter_context(FunctionProcess(name, folders[name], aws.endpoint, shards=SHARDS))
            for name in (POST, GET, DELETE)
        )
        yield from _arrays(aws, post)
        pages = {pending: _page(aws, get, pending) for pending in _PENDING}
        yield from page_figures(pages)
        yield _once(aws, get, "GET", "GetItem")
        yield _once(aws, delete, "DELETE", "DeleteItem")
        yield from _operator(aws)


def _arrays(aws: CannedAws, post: FunctionProcess) -> Iterator[Figure]:
    aws.ask("reset", now=NOW)
    events = [
        array_event(range(first, first + _IN_ARRAY), NOW + 3_600, "x" * 298)
        for first in range(0, _SCHEDULES, _IN_ARRAY)
    ]
    post.invoke(*events, now=NOW)
    counted = aws.ask("counted")
    name = f"{_SCHEDULES:,} schedules in {len(events)} requests"
    yield Figure(
        f"{name}: requests",
        _shown(counted["requests"]),
        "40 BatchWriteItem",
        counted["requests"] == {"BatchWriteItem": 40},
    )
    yield at_most(f"{name}: puts per schedule", counted["entries"]["BatchWriteItem"] / _SCHEDULES, 1, form=".4g")
    yield at_least(f"{name}: stored", counted["left"], _SCHEDULES)


def _page(aws: CannedAws, get: FunctionProcess, pending: int) -> Document:
    aws.ask("reset", now=NOW)
    # All are due in the same second: the hardest case of a page.
    aws.ask("load", count=pending, shards=SHARDS, due=NOW + 30 * 86_400, payload_bytes=300)
    get.invoke({"routeKey": "GET /schedules", "rawQueryString": urlencode({"limit": _PAGE})}, now=NOW)
    return aws.ask("counted")


def page_figures(pages: Mapping[int, Document]) -> Iterator[Figure]:
    """Yield the reads of a page of the list, from the counts by how many schedules were pending."""
    first, *others = pages.values()
    yield Figure(
        f"a page of {_PAGE} over {SHARDS} shards", _shown(first["requests"]), "one query per shard",
        first["requests"] == {"Query": SHARDS},
    )  # fmt: skip
    read = max(page["keys_read"] for page in pages.values())
    yield at_most(f"keys read for a page of {_PAGE}", read, _MOST_READ * _PAGE + 2 * SHARDS)
    is_same = all(each["requests"] == first["requests"] for each in others)
    shown = ", ".join(f"{pending:,}: {page['requests']['Query']}" for pending, page in pages.items())
    yield Figure("queries of a page, by schedules pending", shown, "the same, however many", is_same)


def _once(aws: CannedAws, function: FunctionProcess, method: str, kind: str) -> Figure:
    aws.ask("reset", now=NOW)
    schedule_id = f"003-{NOW + 86_400:012d}-none"
    event = {"routeKey": f"{method} /schedules/{{scheduleId}}", "pathParameters": {"scheduleId": schedule_id}}
    function.invoke(event, now=NOW)
    requests = aws.ask("counted")["requests"]
    return Figure(f"{method} /schedules/{{scheduleId}}", _shown(requests), f"1 {kind}", requests == {kind: 1})


def _operator(aws: CannedAws) -> Iterator[Figure]:
    """Cancel schedules with make cancel, on the write limits of a new table, in the wall's time."""
    start = int(time.time()) + 86_400
    limits = {"latency": CALL_SECONDS, "writes_per_second": _WRITES_PER_SECOND}
    aws.ask("reset", now=time.time(), pace=1.0, **limits)
    aws.ask("load", count=_CANCELLED, shards=_PARTITIONS, due=start, payload_bytes=300)
    dynamodb = boto3.client(
        "dynamodb", endpoint_url=aws.endpoint, region_name="us-east-1", aws_access_key_id="key",
        aws_secret_access_key="secret", config=Config(proxies={}),  # noqa: S106 -- the canned AWS checks none
    )  # fmt: skip
    clients = {"dynamodb": dynamodb, "lambda": _Settings()}
    environment = Environment("bench", {"table_name": TABLE, "function_names": {SWEEP: SWEEP}}, clients.__getitem__)
    wanted = parse_range(format_point_in_time(start), format_point_in_time(start + 1))
    begun = time.monotonic()
    is_done = cancel(environment, Console(file=io.StringIO()), wanted, is_dry_run=False, is_agreed=True)
    seconds = time.monotonic() - begun
    counted = aws.ask("counted")
    name = f"make cancel of {_CANCELLED:,} on a new table"
    yield Figure(f"{name}: s", f"{seconds:,.0f}", note="4,000 deletes a second at most, so at least 25 s")
    yield Figure(f"{name}: left", f"{counted['left']:,}", "none", is_done and not counted["left"])


class _Settings:
    """Stands in for Lambda's client."""

    @staticmethod
    def get_function_configuration(**_: str) -> Document:
        return {"Environment": {"Variables": {"SHARD_COUNT": str(_PARTITIONS)}}}


def _shown(requests: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in requests.items())
