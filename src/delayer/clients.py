"""Clients of AWS services, made and used with as little computing as botocore allows."""

from __future__ import annotations

from typing import Any

from botocore.config import Config
from botocore.session import Session

__all__ = ["CALL_TIMEOUT_SECONDS", "make_client"]

#: The longest that one call usually takes if nothing answers: 1 s to connect and 4 s to read (`make_client`). It can
#: take longer, because both limits start again for each address of a host name and for each part of an answer.
CALL_TIMEOUT_SECONDS = 5


def make_client(service: str, connections: int, *, read_timeout_seconds: int = 4, attempts: int = 1) -> Any:
    """Return a client that `connections` threads may use, with a bounded time for each call.

    With one attempt a call, botocore retries nothing, because only the caller knows its deadline and its remaining
    work. Parameters are not validated: the service refuses those that are wrong, and a refusal is handled.
    """
    config = Config(
        connect_timeout=1,
        max_pool_connections=connections,
        parameter_validation=False,
        read_timeout=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # Botocore's own is assembled twice for each call, from a dozen parts.
        user_agent="delayer",
    )
    return _Session(service).create_client(service, config=config)


class _Session(Session):
    """A session for one service, without botocore's handlers for the others: registering those costs the most."""

    def __init__(self, service: str) -> None:
        self._service = service
        super().__init__()

    def register(
        self,
        event_name: str,
        handler: Any,
        unique_id: str | None = None,
        unique_id_uses_count: bool = False,  # noqa: FBT001, FBT002 -- as the session has it
    ) -> None:
        """Register a handler of an event for all services or this one, like `before-call` or `after-call.sqs.*`."""
        _, *service = event_name.split(".")[:2]
        if service in ([], [self._service]):
            super().register(event_name, handler, unique_id, unique_id_uses_count)
