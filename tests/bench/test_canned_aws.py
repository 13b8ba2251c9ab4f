"""The canned AWS: what it counts, what it limits, and what it refuses as AWS does."""

from typing import Any

from bench.canned_aws import Account

NOW = 1_795_338_000


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def loaded(clock: Clock, count: int, **reset: Any) -> tuple[Account, list[dict[str, Any]]]:
    """Return an account with so many due schedules in one shard, and their keys."""
    account = Account(clock)
    account.reset(now=NOW, **reset)
    account.load(count=count, shards=1, due=NOW, payload_bytes=300)
    return account, keys_of(account)


def keys_of(account: Account, shard: str = "0") -> list[dict[str, Any]]:
    """Return all keys that are due in a shard, from every page."""
    query: dict[str, Any] = {
        "ExpressionAttributeValues": {":shard": {"N": shard}, ":end": {"S": f"{NOW + 1:012d}"}},
        "KeyConditionExpression": "#shard = :shard AND due < :end",
    }
    keys: list[dict[str, Any]] = []
    while True:
        _, page = account.answer("Query", query)
        keys += page["Items"]
        if "LastEvaluatedKey" not in page:
            return keys
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def delete(account: Account, keys: list[dict[str, Any]]) -> tuple[int, int]:
    """Return the answer's status, and how many keys it leaves unprocessed."""
    requests = [{"DeleteRequest": {"Key": key}} for key in keys]
    status, answer = account.answer("BatchWriteItem", {"RequestItems": {"schedules": requests}})
    return status, len(answer.get("UnprocessedItems", {}).get("schedules", []))


def test_requests_and_entries_are_counted_by_kind() -> None:
    """An unknown operation counts, too."""
    account, keys = loaded(Clock(), 30)
    delete(account, keys[:25])
    delete(account, keys[25:])
    assert account.answer("Scan", {})[0] == 400
    counted = account.counted()
    assert counted["requests"] == {"Query": 1, "BatchWriteItem": 2, "Scan": 1}
    assert counted["entries"] == {"BatchWriteItem": 30}
    assert counted["left"] == 0


def test_query_page_ends_at_1_mb() -> None:
    """The next page begins after it."""
    account, keys = loaded(Clock(), 5_000)
    assert len({key["due"]["S"] for key in keys}) == 5_000
    assert account.counted()["requests"]["Query"] == 2


def test_partition_writes_its_units_per_second() -> None:
    """Deletes beyond them are unprocessed, a call without any is throttled, and units of one second are kept."""
    clock = Clock()
    account, keys = loaded(clock, 40, pace=1.0, writes_per_second=10)
    assert delete(account, keys[:20]) == (200, 10)
    assert delete(account, keys[20:]) == (400, 0)
    clock.now += 0.5
    assert delete(account, keys[20:]) == (200, 15)
    clock.now += 100
    assert delete(account, keys[25:]) == (200, 5)


def test_keys_share_the_units_of_their_partition() -> None:
    """A table of 1,000 provisioned units has one partition, a new on-demand table four."""
    for partitions, most in ((1, 10), (2, 20), (None, 30)):
        account = Account(Clock())
        account.reset(now=NOW, pace=1.0, writes_per_second=10, partitions=partitions)
        account.load(count=300, shards=3, due=NOW, payload_bytes=300)
        for shard in ("0", "1", "2"):
            delete(account, keys_of(account, shard)[:20])
        assert account.counted()["left"] == 300 - most, partitions


def test_stream_has_each_delete_once() -> None:
    """With the payload and the time. Deleting a missing item leaves no record."""
    clock = Clock()
    account, keys = loaded(clock, 2, pace=2.0)
    clock.now += 3
    delete(account, keys)
    delete(account, keys)
    records = account.records()["records"]
    assert [(name, shard, due) for name, shard, due, _, _ in records] == [
        ("REMOVE", key["shard"]["N"], key["due"]["S"]) for key in keys
    ]
    assert {at for *_, at in records} == {NOW + 6}
    assert len(records[0][3]) == 300
    assert account.records()["records"] == []


def test_malformed_deletes_are_refused() -> None:
    """More than 25 in a call, or a key twice."""
    account, keys = loaded(Clock(), 30)
    assert delete(account, keys[:26])[0] == 400
    assert delete(account, [keys[0], keys[0]])[0] == 400
    assert account.counted()["left"] == 30


def test_malformed_sends_are_refused() -> None:
    """More than ten in a call, an id twice, a delay over 900 s, or more than 262,144 bytes."""
    account = Account(Clock())

    def send(count: int = 1, *, same: bool = False, **changes: Any) -> int:
        entry = {"DelaySeconds": 900, "MessageBody": "x", "MessageAttributes": {"scheduleId": {"StringValue": "a"}}}
        entries = [entry | {"Id": "0" if same else f"{number}"} | changes for number in range(count)]
        return account.answer("SendMessageBatch", {"Entries": entries})[0]

    assert send(10) == 200
    refused = [send(11), send(2, same=True), send(DelaySeconds=901), send(10, MessageBody="x" * 26_215)]
    assert refused == [400] * 4


def test_query_that_reads_pending_schedules_is_refused() -> None:
    """It has a filter, or no end of the keys."""
    account = Account(Clock())
    values = {":shard": {"N": "0"}, ":end": {"S": "1"}}
    without_end = {"ExpressionAttributeValues": values, "KeyConditionExpression": "shard = :shard"}
    filtered = without_end | {"KeyConditionExpression": "shard = :shard AND due < :end", "FilterExpression": "x"}
    assert [account.answer("Query", query)[0] for query in (without_end, filtered)] == [400, 400]


def test_key_is_put_once() -> None:
    """The condition of the second put fails."""
    account = Account(Clock())
    put = {"Item": {"shard": {"N": "1"}, "due": {"S": "1#a"}, "payload": {"S": "{}"}}}
    assert [account.answer("PutItem", put)[0] for _ in range(2)] == [200, 400]


def test_puts_and_deletes_of_a_batch_are_stored() -> None:
    """A put of the same record again is no second record, and no second entry in the stream."""
    account = Account(Clock())
    item = {"shard": {"N": "1"}, "due": {"S": "001#a"}, "payload": {"S": "1"}}
    request = {"RequestItems": {"schedules": [{"PutRequest": {"Item": item}}]}}
    assert [account.answer("BatchWriteItem", request)[0] for _ in range(2)] == [200, 200]
    key = {"Key": {name: item[name] for name in ("shard", "due")}}
    assert account.answer("GetItem", key) == (200, {"Item": item})
    assert [account.answer("DeleteItem", key)[0] for _ in range(2)] == [200, 400]
    assert account.answer("GetItem", key) == (200, {})
    assert [name for name, *_ in account.records()["records"]] == ["INSERT", "REMOVE"]


def test_range_and_limit_bound_a_query() -> None:
    """The keys that are read are counted."""
    account, keys = loaded(Clock(), 30)
    read = account.counted()["keys_read"]
    query = {
        "ExpressionAttributeValues": {
            ":shard": {"N": "0"}, ":first": {"S": keys[10]["due"]["S"] + "!"}, ":end": {"S": f"{NOW + 1:012d}"},
        },
        "KeyConditionExpression": "#shard = :shard AND due BETWEEN :first AND :end",
        "Limit": 5,
    }  # fmt: skip
    _, page = account.answer("Query", query)
    assert page["Items"] == keys[11:16]
    assert page["LastEvaluatedKey"] == keys[15]
    assert account.counted()["keys_read"] - read == 5
