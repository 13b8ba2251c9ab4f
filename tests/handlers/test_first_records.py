"""Compatibility with records of the first version, in both directions.

The first version's post function wrote the records in first_records.json, and their stream records were read back once;
see `writtenBy`.
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

#: Attributes that a later version might add, and that no current reader knows.
UNKNOWN = {
    "caller": {"S": "orders"},
    "attempt": {"N": "1"},
    "labels": {"M": {"a": {"SS": ["b", "c"]}}},
    "none": {"NULL": True},
}


def message_bodies(delayer: Delayer) -> list[dict[str, Any]]:
    """Return body and attributes of every visible message, in the form of the JSON file."""
    return [
        {
            "body": message["Body"],
            "attributes": {name: value["StringValue"] for name, value in message["MessageAttributes"].items()},
        }
        for message in delayer.receive()
    ]


@pytest.mark.parametrize("further", [{}, UNKNOWN], ids=["as stored", "with unknown attributes"])
def test_current_functions_deliver_first_records(delayer: Delayer, clock: Clock, further: dict[str, Any]) -> None:
    """Sweep and fast track hand every record over, and each message equals the first version's, to the byte."""
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
def test_current_fast_track_reads_first_stream_records(first: dict[str, Any], further: dict[str, Any]) -> None:
    """Of records that are in the stream during a deployment, hand-overs are sent, and cancellations are not."""
    insert, remove = first["insert"], first["remove"]
    change = remove["dynamodb"] | {"OldImage": remove["dynamodb"]["OldImage"] | further}
    point_in_time = point_in_time_of(first["item"]["due"]["S"])
    # At the time of a sweep: the removal in the file was immediate.
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
def test_current_records_have_all_attributes_of_first_records(delayer: Delayer, first: dict[str, Any]) -> None:
    """Attributes may be added, but not removed or changed, so that earlier versions read later records.

    With an Idempotency-Key, the record's key is the same too, so that a request repeated after a deployment is the same
    schedule.
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
