"""DynamoDB stream records, in the JSON of a stream mapping's events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from delayer.schedules import Schedule

type Record = dict[str, Any]

_STREAM_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/schedules/stream/2026-01-01T00:00:00.000"


def _record(event_name: str, dynamodb: dict[str, Any], stream_arn: str) -> Record:
    identity = hashlib.md5(dynamodb["SequenceNumber"].encode(), usedforsecurity=False).hexdigest()
    return {
        "eventID": identity,
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": dynamodb | {"StreamViewType": "OLD_IMAGE"},
        "eventSourceARN": stream_arn,
    }


class StreamRecords:
    """Makes the records of one stream shard, with increasing sequence numbers."""

    def __init__(self) -> None:
        # Real ones have 21 to 40 digits. These soon get one more digit, so that sorting them as text is wrong.
        self._numbers: Iterator[int] = count(999_999_999_999_999_999_998)

    def insert(self, schedule: Schedule, at: float) -> Record:
        """Return the record of a put. The stream has its keys, but no new image."""
        return self._made("INSERT", schedule, at, {})

    def remove(self, schedule: Schedule, at: float) -> Record:
        """Return the record of a deletion."""
        image = {"shard": {"N": str(schedule.shard)}, "due": {"S": schedule.due}, "payload": {"S": schedule.payload}}
        return self._made("REMOVE", schedule, at, {"OldImage": image})

    def _made(self, event_name: str, schedule: Schedule, at: float, image: dict[str, Any]) -> Record:
        change = {
            # DynamoDB rounds down.
            "ApproximateCreationDateTime": int(at),
            "Keys": {"shard": {"N": str(schedule.shard)}, "due": {"S": schedule.due}},
            "SequenceNumber": str(next(self._numbers)),
            "SizeBytes": 26 + len(schedule.payload.encode()),
        }
        return _record(event_name, change | image, _STREAM_ARN)


class StreamReader:
    """Reads the stream of a table on moto from its start, each record once."""

    def __init__(self, stream_arn: str, streams: Any) -> None:
        self._streams = streams  # untyped, because its types are another package
        self._arn = stream_arn
        shards = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        assert len(shards) == 1  # moto has one shard per table
        self._last = -1
        self._iterator = self._streams.get_shard_iterator(
            StreamArn=self._arn, ShardId=shards[0]["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def read(self) -> list[Record]:
        """Return the records since the last read."""
        records: list[Record] = []
        while True:
            answer = self._streams.get_records(ShardIterator=self._iterator)
            self._iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                return records
            for read in answer["Records"]:
                change = read["dynamodb"]
                # Otherwise the next iterator would point to this record again, and reading would never end.
                assert int(change["SequenceNumber"]) > self._last, "two stream records have one sequence number"
                self._last = int(change["SequenceNumber"])
                change["ApproximateCreationDateTime"] = int(change["ApproximateCreationDateTime"].timestamp())
                records.append(_record(read["eventName"], change, self._arn))


def sequence_numbers(records: list[Record]) -> list[str]:
    """Return the records' sequence numbers, which identify them in an answer."""
    return [record["dynamodb"]["SequenceNumber"] for record in records]
