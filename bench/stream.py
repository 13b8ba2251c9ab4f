"""The stream mapping of the Terraform, as far as it decides what one invocation is handed. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from tools.capacity.declared import BATCH_RECORDS, PARALLELIZATION_FACTOR

__all__ = ["BATCH_BYTES", "batches", "lane"]

#: Lambda hands no more to an invocation (AWS Lambda developer guide, "quotas": 6 MB).
BATCH_BYTES = 6_000_000


def batches(records: Sequence[dict[str, Any]], size: int = BATCH_RECORDS) -> Iterator[list[dict[str, Any]]]:
    """The records of each invocation, in order: as many as there may be, and as fit one."""
    batch: list[dict[str, Any]] = []
    size_bytes = 0
    for record in records:
        record_bytes = len(json.dumps(record))
        if batch and (len(batch) == size or size_bytes + record_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(record)
        size_bytes += record_bytes
    if batch:
        yield batch


def lane(shard: int, due: str, stream_shards: int, parallelization_factor: int = PARALLELIZATION_FACTOR) -> int:
    """Return which of the concurrent executions gets a record: all records of one key go to the same one.

    A shard of the table has a partition of its own, whose stream shard is read by `parallelization_factor` executions.
    """
    return (shard % stream_shards) * parallelization_factor + zlib.crc32(due.encode()) % parallelization_factor
