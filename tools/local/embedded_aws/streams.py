"""Plays stream mappings as AWS documents them, in the place of ministack's own way, which drops partial answers.

Not played: the batching window and the on-failure destination (no record gets as old as that here).
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

from tools.local.embedded_aws.stream_mapping import WHOLE_BATCH, ShardMapping, checkpoint

__all__ = ["Tell", "install", "tell_nobody"]

#: Between a failed invocation and its retry. AWS begins with less and goes up to a minute.
_RETRY_SECONDS = 1.0

#: Is told of every invocation: the records, what the function answered or why it failed, when it began, and where the
#: retry starts, if there is one.
type Tell = Callable[[list[dict[str, Any]], str, float, int | None], None]


def tell_nobody(_records: list[dict[str, Any]], _outcome: str, _began: float, _retry_from: int | None) -> None:
    """For whom nobody listens."""


class _Lane:
    """One of the shard's parts that are handled at once (parallelization factor); a record's key decides which."""

    def __init__(self, mapping: dict[str, Any], tell: Tell) -> None:
        self._mapping = mapping
        self._tell = tell
        self._records: list[dict[str, Any]] = []
        self._shard = ShardMapping(self._records, mapping["BatchSize"])
        self._lock = threading.Lock()
        self._is_running = False

    def take(self, records: list[dict[str, Any]]) -> None:
        """Add records, and see to it that somebody hands them on."""
        from ministack.core.concurrency import spawn_background  # noqa: PLC0415 -- see install

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
                self._tell(batch, outcome, began, retry_from)
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
        from ministack.services import lambda_svc  # noqa: PLC0415 -- see install

        function, _ = lambda_svc._get_func_record_for_qualifier(  # noqa: SLF001 -- it has no other way in
            self._mapping["FunctionName"], self._mapping.get("Qualifier")
        )
        result = lambda_svc._execute_function(function, {"Records": batch})  # noqa: SLF001
        if result.get("error") or result.get("throttle"):
            return WHOLE_BATCH, str((result.get("body") or {}).get("errorMessage", "failed"))
        retry_from = checkpoint(batch, result.get("body"))
        return retry_from, "done" if retry_from is None else "partial answer"


def install(tell: Tell) -> None:
    """Replace the reading of stream mappings."""
    # Imported here, for ministack reads the environment when it is imported.
    from ministack.services import dynamodb, lambda_svc  # noqa: PLC0415

    lanes: dict[str, list[_Lane]] = {}

    def poll() -> bool:
        """Read on; called in a loop, whenever something was written, and each second."""
        for account, region, mapping in lambda_svc._iter_all_esms():  # noqa: SLF001
            source: str = mapping.get("EventSourceArn", "")
            if ":dynamodb:" in source and mapping.get("Enabled", True):
                tokens = lambda_svc._request_account_id.set(account), lambda_svc._request_region.set(region)  # noqa: SLF001
                try:
                    read(mapping, source.split("/")[1])
                finally:
                    lambda_svc._request_account_id.reset(tokens[0])  # noqa: SLF001
                    lambda_svc._request_region.reset(tokens[1])  # noqa: SLF001
        return False

    def read(mapping: dict[str, Any], table: str) -> None:
        positions = lambda_svc._dynamodb_stream_positions  # noqa: SLF001
        identity = mapping["UUID"]
        records: list[dict[str, Any]] = dynamodb.stream_records_since(table, positions[identity], 10_000)
        positions[identity] += len(records)
        factor = int(mapping.get("ParallelizationFactor") or 1)
        of_mapping = lanes.setdefault(identity, [_Lane(mapping, tell) for _ in range(factor)])
        parts: list[list[dict[str, Any]]] = [[] for _ in of_mapping]
        for record in lambda_svc._apply_filter_criteria(records, mapping):  # noqa: SLF001
            parts[zlib.crc32(record["dynamodb"]["Keys"]["shard"]["N"].encode()) % factor].append(record)
        for lane, part in zip(of_mapping, parts, strict=True):
            lane.take(part)

    lambda_svc._poll_dynamodb_streams = poll  # noqa: SLF001
