"""The table's stream as its mapping hands it on: records, batches and lanes. Pure."""

import json
import zlib
from collections.abc import Iterator, Sequence

from bench.canned_aws import STREAM_ARN, Document, Written
from tools.capacity.declared import BATCH_RECORDS, PARALLELIZATION_FACTOR

#: Lambda hands at most this much to an invocation (AWS Lambda developer guide, "quotas": 6 MB).
_BATCH_BYTES = 6_000_000


def stream_record(number: int, written: Written) -> Document:
    """Return the record that the mapping hands on for an entry of the canned AWS's stream."""
    name, shard, due, payload, at = written
    keys = {"shard": {"N": shard}, "due": {"S": due}}
    change: Document = {
        "ApproximateCreationDateTime": int(at),  # DynamoDB rounds it down
        "Keys": keys,
        "SequenceNumber": f"{number:021d}",
        "SizeBytes": 60 + len(payload or ""),
        "StreamViewType": "OLD_IMAGE",
    }
    if payload is not None:
        change["OldImage"] = keys | {"payload": {"S": payload}}
    return {
        "eventID": f"{number:032x}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": change,
        "eventSourceARN": STREAM_ARN,
    }


def batches(records: Sequence[Document]) -> Iterator[list[Document]]:
    """Yield the records of each invocation, in order: as many as the mapping and Lambda's 6 MB allow."""
    batch: list[Document] = []
    size_bytes = 0
    for record in records:
        record_bytes = len(json.dumps(record))
        if batch and (len(batch) == BATCH_RECORDS or size_bytes + record_bytes > _BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(record)
        size_bytes += record_bytes
    if batch:
        yield batch


def lane(written: Written, stream_shards: int, parallelization_factor: int = PARALLELIZATION_FACTOR) -> int:
    """Return which of the concurrent executions gets a record. All records of one key go to the same one.

    Each stream shard holds every `stream_shards`th shard of the table, and `parallelization_factor` executions read it.
    """
    _, shard, due, *_ = written
    of_stream_shard = zlib.crc32(due.encode()) % parallelization_factor
    return (int(shard) % stream_shards) * parallelization_factor + of_stream_shard
