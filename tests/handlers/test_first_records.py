"""What the first version stored is delivered by today's functions, and what today's store is no less than that.

The records were written by the first version's post function, and its stream records read back, once; see `writtenBy`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from delayer.schedules import point_in_time_of
from stream_dynamodb_fasttrack_enqueuer.plan import Unsendable, plan
from tests.support.clock import NOW, Clock
from tests.support.delayer import TABLE, Delayer

FIRST = json.loads((Path(__file__).parents[1] / "support" / "first_records.json").read_text())["records"]

#: As a later version may add: no reader of today knows these.
UNKNOWN = {
    "caller": {"S": "orders"},
    "attempt": {"N": "1"},
    "labels": {"M": {"a": {"SS": ["b", "c"]}}},
    "none": {"NULL": True},
}


def message_bodies(delayer: Delayer) -> list[dict[str, Any]]:
    """Body and attributes of every message that is visible, as the fixture has them."""
    return [
        {
            "body": message["Body"],
            "attributes": {name: value["StringValue"] for name, value in message["MessageAttributes"].items()},
        }
        for message in delayer.receive()
    ]


@pytest.mark.parametrize("further", [{}, UNKNOWN], ids=["as stored", "with unknown attributes"])
def test_todays_functions_deliver_what_the_first_version_stored(
    delayer: Delayer, clock: Clock, further: dict[str, Any]
) -> None:
    """Sweep and fast track hand every record over, and each message is the first version's, to the byte."""
    for first in FIRST:
        delayer.dynamodb.put_item(TableName=TABLE, Item=first["item"] | further)
    clock.wait(max(point_in_time_of(first["item"]["due"]["S"]) for first in FIRST) - clock())
    delayer.sweep()
    assert delayer.records() == []
    delayer.run_stream()
    sent = message_bodies(delayer)
    assert sorted(sent, key=str) == sorted((first["message"] for first in FIRST), key=str)
    assert delayer.failure_documents() == []


@pytest.mark.parametrize("further", [{}, UNKNOWN], ids=["as stored", "with unknown attributes"])
@pytest.mark.parametrize("first", FIRST, ids=lambda first: first["name"])
def test_todays_fast_track_reads_the_first_versions_stream(first: dict[str, Any], further: dict[str, Any]) -> None:
    """What was in the stream when the functions were deployed: hand-overs are sent, cancellations aren't."""
    insert, remove = first["insert"], first["remove"]
    change = remove["dynamodb"] | {"OldImage": remove["dynamodb"]["OldImage"] | further}
    point_in_time = point_in_time_of(first["item"]["due"]["S"])
    # As a sweep removes it; the fixture's own removal was at once.
    swept = remove | {"dynamodb": change | {"ApproximateCreationDateTime": point_in_time - 800}}
    found = plan([swept], point_in_time - 790, 840)
    (step,) = found.steps
    assert isinstance(step, list)
    ((_, _, message),) = step
    assert {"body": message.body, "attributes": message.attributes} == first["message"]

    found = plan([insert, remove | {"dynamodb": change}], NOW, 840)
    is_soon = point_in_time <= NOW + 840
    assert found.handovers == ([insert["dynamodb"]["Keys"]] if is_soon else [])
    assert len(found.cancelled) == (point_in_time > NOW + 900)
    assert [step for step in found.steps if isinstance(step, Unsendable)] == []


@pytest.mark.parametrize("first", FIRST, ids=lambda first: first["name"])
def test_todays_records_have_all_that_the_first_versions_had(delayer: Delayer, first: dict[str, Any]) -> None:
    """Attributes may be added, and none is taken away or changed: an earlier version reads what a later one stored.

    Where the request had an Idempotency-Key, the record has the same key too: a repetition over a deployment is one.
    """
    headers = {} if first["idempotencyKey"] is None else {"idempotency-key": first["idempotencyKey"]}
    assert delayer.post(first["body"], headers, caller=first["caller"])["statusCode"] == 201
    (stored,) = delayer.records()
    if first["idempotencyKey"] is None:  # the key has a random part
        stored["shard"] = first["item"]["shard"]
        seconds, _, unique = stored["due"]["S"].partition("#")
        assert len(unique) == len(first["item"]["due"]["S"].partition("#")[2])
        stored["due"] = {"S": f"{seconds}#{first['item']['due']['S'].partition('#')[2]}"}
    assert {name: stored.get(name) for name in first["item"]} == first["item"]
