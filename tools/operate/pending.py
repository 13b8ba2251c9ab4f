"""Count the schedules in the table, shard by shard and hour by hour.

The table is queried, never scanned: schedules due within a day by their keys, the rest by count. DynamoDB charges a
query for the whole records that it reads, so counting costs as much as reading everything that is pending.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from delayer.schedules import end_of_due, point_in_time_of
from tools.operate.environment import Environment

HOUR_SECONDS = 3_600

#: The number of hours that are counted one by one.
HOURS_AHEAD = 24

_QUERIES_IN_FLIGHT = 8


@dataclass(slots=True)
class Pending:
    """The schedules in the table, and the read units that counting them took."""

    by_shard: Counter[int] = field(default_factory=Counter)
    #: By the beginning of the hour in which they are due, in seconds since 1970: HOURS_AHEAD hours, this one first.
    by_hour: Counter[int] = field(default_factory=Counter)
    overdue: int = 0
    later: int = 0
    read_units: float = 0.0


def count_pending(environment: Environment, shard_count: int, now: float) -> Pending:
    """Count the schedules in the table. Raises ClientError, BotoCoreError."""
    table, name = environment.client("dynamodb"), environment.outputs["table_name"]
    this_hour = int(now // HOUR_SECONDS) * HOUR_SECONDS
    end = end_of_due(this_hour + HOURS_AHEAD * HOUR_SECONDS - 1)

    def query(shard: int, condition: str, found: Pending, selection: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for page in table.get_paginator("query").paginate(
            TableName=name,
            # SHARD is one of DynamoDB's reserved words.
            KeyConditionExpression=f"#shard = :shard AND {condition}",
            ExpressionAttributeNames={"#shard": "shard"},
            ExpressionAttributeValues={":shard": {"N": str(shard)}, ":end": {"S": end}},
            ReturnConsumedCapacity="TOTAL",
            **selection,
        ):
            found.read_units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
            found.by_shard[shard] += page["Count"]
            yield page

    def count_shard(shard: int) -> Pending:
        found = Pending()
        for page in query(shard, "due < :end", found, {"ProjectionExpression": "due"}):
            for item in page["Items"]:
                due = point_in_time_of(item["due"]["S"])
                if due < now:
                    found.overdue += 1
                else:
                    found.by_hour[due // HOUR_SECONDS * HOUR_SECONDS] += 1
        found.later = sum(page["Count"] for page in query(shard, "due >= :end", found, {"Select": "COUNT"}))
        return found

    total = Pending()
    with ThreadPoolExecutor(_QUERIES_IN_FLIGHT) as pool:
        for found in pool.map(count_shard, range(shard_count)):
            total.by_shard.update(found.by_shard)
            total.by_hour.update(found.by_hour)
            total.overdue += found.overdue
            total.later += found.later
            total.read_units += found.read_units
    return total
