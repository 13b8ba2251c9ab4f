"""What AWS hands to the functions: requests to the API, and the table's stream in batches and lanes. Pure."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from bench.canned_aws import STREAM_ARN, Document, Written
from tools.capacity.declared import BATCH_RECORDS, PARALLELIZATION_FACTOR

#: 2026-11-22T09:00:00Z, a tick of the minute's rule.
NOW = 1_795_338_000
SHARDS = 16
#: A payload of 300 bytes.
PAYLOAD = "x" * 298
#: How many schedules are pending in the cases whose requests must not depend on it.
PENDING = (100, 10_000, 100_000)
#: The partitions of a new on-demand table (Amazon DynamoDB developer guide, "on-demand capacity mode": 4,000 write
#: units per second at once, 1,000 of each).
NEW_TABLE_PARTITIONS, PARTITION_WRITES_PER_SECOND = 4, 1_000
#: Lambda hands at most this much to an invocation (AWS Lambda developer guide, "quotas": 6 MB).
_BATCH_BYTES = 6_000_000


def post_event(number: int, due: int, payload: str = PAYLOAD) -> Document:
    """Return a request as the gateway hands it on. Its key keeps scheduleId and shard the same in every run."""
    point_in_time = datetime.fromtimestamp(due, UTC).isoformat()
    body = json.dumps({"pointInTime": point_in_time, "payload": payload})
    headers = {"content-type": "application/json", "idempotency-key": f"bench-{number}"}
    return {"version": "2.0", "headers": headers, "body": body, "isBase64Encoded": False}


def array_event(numbers: Iterable[int], due: int) -> Document:
    """Return a request for several schedules as the gateway hands it on."""
    events = [post_event(number, due) for number in numbers]
    return events[0] | {"body": f"[{','.join(event['body'] for event in events)}]"}


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
