"""The in-memory fake gives the same answers as moto. tests/end_to_end compares it with the embedded AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from moto import mock_aws

from tests.support.aws_contract import SLOW, Clients, answers_at_once, changes, create, play
from tests.support.clock import NOW, Clock
from tests.support.memory_aws import MemoryAws


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Return the clock of both, and set fake credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with freeze_time(ignore=["_pytest.timing"]) as frozen, mock_aws():
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield Clock(frozen)


def test_fake_equals_moto(clock: Clock) -> None:
    """Answers, error codes, stream records and the times of visible messages are the same."""
    clients = Clients(boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("s3"))
    streams = boto3.client("dynamodbstreams", config=Config(account_id_endpoint_mode="disabled"))
    url, reader = create(clients, streams, SLOW)
    clock.move_to(NOW + 0.75)
    moto = play(clients, url, clock, SLOW)
    recorded = changes(reader.read())

    memory = MemoryAws(clock)
    clock.move_to(NOW + 0.75)
    in_memory = Clients(memory.dynamodb(answers_at_once), memory.sqs(answers_at_once), memory.s3(answers_at_once))
    assert play(in_memory, url, clock, SLOW) == moto
    assert changes(memory.streams[0]) == recorded
