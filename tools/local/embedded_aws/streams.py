"""Run stream mappings as AWS documents them; ministack's own way drops partial answers. Importing this does it.

The batching window and the on-failure destination are missing: no record gets old enough here to reach the latter.
"""

import threading
import time
import zlib
from contextvars import copy_context
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.services import dynamodb, lambda_svc

from tools.local.embedded_aws.stream_mapping import WHOLE_BATCH, Record, ShardMapping, checkpoint

#: Between a failed invocation and its retry. AWS begins with less and goes up to a minute.
_RETRY_SECONDS = 1.0

# ministack has no interface for any of this.
# ruff: noqa: SLF001


class Lane:
    """One of the parts of a shard that are handled at once (parallelization factor). A record's key decides which."""

    def __init__(self, mapping: dict[str, Any]) -> None:
        self._mapping = mapping
        self._turn = threading.Lock()
        self.records: list[Record] = []
        self.shard = ShardMapping(self.records, mapping["BatchSize"])

    def run(self) -> None:
        """Hand all records on, unless another thread is doing so: it or the next poll finds what has come since."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            while self._mapping.get("Enabled", True) and (batch := self.shard.next_batch(time.time())):
                retry_from, _ = self.invoke(batch)
                self.shard.finish(retry_from)
                if retry_from is not None:
                    time.sleep(_RETRY_SECONDS)
        finally:
            self._turn.release()

    def invoke(self, batch: list[Record]) -> tuple[int | None, str]:
        """Invoke the function. Return the position from which to retry the records, or None, and an error or word."""
        name, qualifier = self._mapping["FunctionName"], self._mapping.get("Qualifier")
        function, _ = lambda_svc._get_func_record_for_qualifier(name, qualifier)
        result = lambda_svc._execute_function(function, {"Records": batch})
        if result.get("error") or result.get("throttle"):
            return WHOLE_BATCH, str((result.get("body") or {}).get("errorMessage", "failed"))
        retry_from = checkpoint(batch, result.get("body"))
        return retry_from, "done" if retry_from is None else "partial answer"


#: The lanes of each mapping, by its UUID.
_lanes: dict[str, list[Lane]] = {}


def _poll() -> bool:
    # ministack calls this after every write, and each second.
    for account, region, mapping in lambda_svc._iter_all_esms():
        if ":dynamodb:" in mapping.get("EventSourceArn", "") and mapping.get("Enabled", True):
            copy_context().run(_read, account, region, mapping)
    return False


def _read(account: str, region: str, mapping: dict[str, Any]) -> None:
    lambda_svc._request_account_id.set(account)
    lambda_svc._request_region.set(region)
    positions, identity = lambda_svc._dynamodb_stream_positions, mapping["UUID"]
    table = mapping["EventSourceArn"].split("/")[1]
    records: list[Record] = dynamodb.stream_records_since(table, positions[identity], 10_000)
    positions[identity] += len(records)
    factor = int(mapping.get("ParallelizationFactor") or 1)
    lanes = _lanes.setdefault(identity, [Lane(mapping) for _ in range(factor)])
    for record in lambda_svc._apply_filter_criteria(records, mapping):
        lanes[zlib.crc32(record["dynamodb"]["Keys"]["shard"]["N"].encode()) % factor].records.append(record)
    for lane in lanes:
        if next(lane.shard.unread(), None):
            spawn_background(lane.run)


lambda_svc._poll_dynamodb_streams = _poll
