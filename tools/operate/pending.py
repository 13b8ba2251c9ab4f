"""Count the schedules in the table, shard by shard and hour by hour.

The table is queried, never scanned: schedules due within a day by their keys, the rest by count. DynamoDB charges a
query for the whole records that it reads, so counting costs as much as reading everything that is pending.
"""

import math
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from delayer.schedules import end_of_due, point_in_time_of
from tools.operate.environment import Environment

HOUR_SECONDS = 3_600

#: The number of hours that are counted one by one, this one first.
HOURS_AHEAD = 24

#: In place of an hour: before now, and after the last hour that is counted.
OVERDUE, LATER = -math.inf, math.inf

_QUERIES_IN_FLIGHT = 8


class Pending(NamedTuple):
    """The schedules in the table, and the read units that counting them took."""

    by_shard: Sequence[int]
    #: By the beginning of the hour in which they are due, in seconds since 1970, or OVERDUE or LATER.
    by_hour: Counter[float]
    read_units: float


def count_pending(environment: Environment, shard_count: int, now: float) -> Pending:
    """Count the schedules in the table. Raises ClientError, BotoCoreError."""
    table, name = environment.client("dynamodb"), environment.outputs["table_name"]
    end = end_of_due((int(now // HOUR_SECONDS) + HOURS_AHEAD) * HOUR_SECONDS - 1)

    def hour_of(due: int) -> float:
        return OVERDUE if due < now else due // HOUR_SECONDS * HOUR_SECONDS

    def count_shard(shard: int) -> tuple[Counter[float], float]:
        by_hour, read_units = Counter({LATER: 0}), 0.0
        for comparison, selection in (("<", {"ProjectionExpression": "due"}), (">=", {"Select": "COUNT"})):
            for page in table.get_paginator("query").paginate(
                TableName=name,
                # SHARD is one of DynamoDB's reserved words.
                KeyConditionExpression=f"#shard = :shard AND due {comparison} :end",
                ExpressionAttributeNames={"#shard": "shard"},
                ExpressionAttributeValues={":shard": {"N": str(shard)}, ":end": {"S": end}},
                ReturnConsumedCapacity="TOTAL",
                **selection,
            ):
                read_units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
                # A page that is only counted has no items.
                hours = [hour_of(point_in_time_of(item["due"]["S"])) for item in page.get("Items", [])]
                by_hour.update(hours or {LATER: page["Count"]})
        return by_hour, read_units

    with ThreadPoolExecutor(_QUERIES_IN_FLIGHT) as pool:
        shards = list(pool.map(count_shard, range(shard_count)))
    total: Counter[float] = Counter()
    for by_hour, _ in shards:
        total.update(by_hour)
    return Pending([by_hour.total() for by_hour, _ in shards], total, sum(units for _, units in shards))
