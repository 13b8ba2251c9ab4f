"""Clients of AWS services."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import handlers
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.session import Session

from delayer.clients import make_client

_SERVICES = ("dynamodb", "s3", "sqs")


@pytest.fixture(autouse=True)
def _region_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def test_client_has_bounded_time() -> None:
    """A call ends in bounded time, and botocore does not repeat it."""
    config = make_client("sqs", 3).meta.config
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (1, 4, 3)
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}


def test_request_has_short_user_agent_and_was_not_validated() -> None:
    """The service gets whatever parameter a function gives, and refuses what is wrong."""
    client = make_client("sqs", 1)
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        body = SimpleNamespace(stream=lambda: [b"{}"])
        return AWSResponse("", 200, HTTPHeaders(), body)

    client.meta.events.register_first("before-send", answer)
    client.get_queue_url(QueueName=5)
    [request] = sent
    assert json.loads(request.body) == {"QueueName": 5}
    # Powertools appends its own, where it is loaded.
    assert request.headers["user-agent"].split()[0] == b"delayer"


@pytest.mark.parametrize("service", _SERVICES)
def test_client_has_every_handler_of_its_service(service: str) -> None:
    """Of botocore's handlers, only those in whose event's name another service stands are missing."""
    ours, full = make_client(service, 1).meta.events, Session().create_client(service).meta.events
    operations = {"*", *(event.split(".")[2] for event, *_ in handlers.BUILTIN_HANDLERS if event.count(".") > 1)}
    phases = {event.split(".")[0] for event, *_ in handlers.BUILTIN_HANDLERS} - {"docs"}
    for event in (f"{phase}.{service}.{operation}" for phase in phases for operation in operations):
        assert _names(ours, event) == _names(full, event), event


def _names(events: Any, event: str) -> list[str]:
    found = events._emitter._handlers.prefix_search(event)  # noqa: SLF001 -- botocore shows them in no other way
    return [getattr(each, "__qualname__", repr(type(each))) for each in found]
