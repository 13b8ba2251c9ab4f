"""Run stream mappings as AWS documents them; ministack's own way drops partial answers.

The batching window and the on-failure destination are missing: no record gets old enough here to reach the latter.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.services import dynamodb, lambda_svc

from tools.local.embedded_aws.stream_mapping import WHOLE_BATCH, ShardMapping, checkpoint

#: Between a failed invocation and its retry. AWS begins with less and goes up to a minute.
_RETRY_SECONDS = 1.0

_READ_RECORDS = 10_000

#: Is called after every invocation with the records, the function's answer or error, when it began, and the position
#: from which the records are retried (None: none is).
type Observer = Callable[[list[dict[str, Any]], str, float, int | None], None]

observers: list[Observer] = []

# ministack has no interface for any of this.
# ruff: noqa: SLF001


class _Lane:
    """One of the parts of a shard that are handled at once (parallelization factor). A record's key decides which."""

    def __init__(self, mapping: dict[str, Any]) -> None:
        self._mapping = mapping
        self._records: list[dict[str, Any]] = []
        self._shard = ShardMapping(self._records, mapping["BatchSize"])
        self._lock = threading.Lock()
        self._is_running = False

    def take(self, records: list[dict[str, Any]]) -> None:
        """Add records, and start a thread that hands them on unless one is running."""
        with self._lock:
            self._records += records
            if self._is_running or not next(self._shard.unread(), None):
                return
            self._is_running = True
        spawn_background(self._run)

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                began = time.time()
                retry_from, outcome = self._invoke(batch)
                for observer in observers:
                    observer(batch, outcome, began, retry_from)
                with self._lock:
                    self._shard.finish(retry_from)
                if retry_from is not None:
                    time.sleep(_RETRY_SECONDS)
        except BaseException:
            self._is_running = False
            raise

    def _next_batch(self) -> list[dict[str, Any]]:
        with self._lock:
            batch = self._shard.next_batch(time.time()) if self._mapping.get("Enabled", True) else []
            self._is_running = bool(batch)
            return batch

    def _invoke(self, batch: list[dict[str, Any]]) -> tuple[int | None, str]:
        function, _ = lambda_svc._get_func_record_for_qualifier(
            self._mapping["FunctionName"], self._mapping.get("Qualifier")
        )
        result = lambda_svc._execute_function(function, {"Records": batch})
        if result.get("error") or result.get("throttle"):
            return WHOLE_BATCH, str((result.get("body") or {}).get("errorMessage", "failed"))
        retry_from = checkpoint(batch, result.get("body"))
        return retry_from, "done" if retry_from is None else "partial answer"


def install() -> None:
    """Replace ministack's reading of stream mappings."""
    lanes: dict[str, list[_Lane]] = {}

    def poll() -> bool:
        """Read new records; ministack calls this after every write, and each second."""
        for account, region, mapping in lambda_svc._iter_all_esms():
            source: str = mapping.get("EventSourceArn", "")
            if ":dynamodb:" in source and mapping.get("Enabled", True):
                tokens = lambda_svc._request_account_id.set(account), lambda_svc._request_region.set(region)
                try:
                    _read(mapping, source.split("/")[1], lanes)
                finally:
                    lambda_svc._request_account_id.reset(tokens[0])
                    lambda_svc._request_region.reset(tokens[1])
        return False

    lambda_svc._poll_dynamodb_streams = poll


def _read(mapping: dict[str, Any], table: str, lanes: dict[str, list[_Lane]]) -> None:
    positions, identity = lambda_svc._dynamodb_stream_positions, mapping["UUID"]
    records: list[dict[str, Any]] = dynamodb.stream_records_since(table, positions[identity], _READ_RECORDS)
    positions[identity] += len(records)
    factor = int(mapping.get("ParallelizationFactor") or 1)
    of_mapping = lanes.setdefault(identity, [_Lane(mapping) for _ in range(factor)])
    parts: list[list[dict[str, Any]]] = [[] for _ in of_mapping]
    for record in lambda_svc._apply_filter_criteria(records, mapping):
        parts[zlib.crc32(record["dynamodb"]["Keys"]["shard"]["N"].encode()) % factor].append(record)
    for lane, part in zip(of_mapping, parts, strict=True):
        lane.take(part)
