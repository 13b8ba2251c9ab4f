"""DynamoDB stream records, as a stream mapping hands them to its function."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from delayer.schedules import Schedule

__all__ = ["Record", "StreamReader", "StreamRecords", "sequence_numbers"]

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
    """Makes the records of one stream shard, one sequence number after the other."""

    def __init__(self) -> None:
        # Real ones have 21 to 40 digits and grow; here they grow by one more digit too, which text sorts wrongly.
        self._numbers: Iterator[int] = count(999_999_999_999_999_999_998)

    def insert(self, schedule: Schedule, at: float) -> Record:
        """The schedule was put. The stream carries keys and no image of what is new."""
        return self._made("INSERT", schedule, at, {})

    def remove(self, schedule: Schedule, at: float) -> Record:
        """The schedule was deleted, by whomever."""
        image = {"shard": {"N": str(schedule.shard)}, "due": {"S": schedule.due}, "payload": {"S": schedule.payload}}
        return self._made("REMOVE", schedule, at, {"OldImage": image})

    def _made(self, event_name: str, schedule: Schedule, at: float, image: dict[str, Any]) -> Record:
        change = {
            # DynamoDB rounds it down.
            "ApproximateCreationDateTime": int(at),
            "Keys": {"shard": {"N": str(schedule.shard)}, "due": {"S": schedule.due}},
            "SequenceNumber": str(next(self._numbers)),
            "SizeBytes": 26 + len(schedule.payload.encode()),
        }
        return _record(event_name, change | image, _STREAM_ARN)


class StreamReader:
    """Reads the stream of a table on moto from its beginning, each record once."""

    def __init__(self, stream_arn: str, streams: Any) -> None:
        self._streams = streams  # untyped, for its types would be one more package
        self._arn = stream_arn
        shards = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        assert len(shards) == 1  # moto's table has one, and so one order
        self._last = -1
        self._iterator = self._streams.get_shard_iterator(
            StreamArn=self._arn, ShardId=shards[0]["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def read(self) -> list[Record]:
        """What has happened in the table since the last read."""
        records: list[Record] = []
        while True:
            answer = self._streams.get_records(ShardIterator=self._iterator)
            self._iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                return records
            for read in answer["Records"]:
                change = read["dynamodb"]
                # Else the next iterator would point to this record again, and reading would never end.
                assert int(change["SequenceNumber"]) > self._last, "two stream records have one sequence number"
                self._last = int(change["SequenceNumber"])
                change["ApproximateCreationDateTime"] = int(change["ApproximateCreationDateTime"].timestamp())
                records.append(_record(read["eventName"], change, self._arn))


def sequence_numbers(records: list[Record]) -> list[str]:
    """What the records are called in an answer."""
    return [record["dynamodb"]["SequenceNumber"] for record in records]
