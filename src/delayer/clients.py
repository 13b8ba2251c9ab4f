"""Clients of AWS services, made and used with as little computing as botocore allows."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
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
    return _session().create_client(service, config=config)


@cache
def _session() -> _Session:
    # Clients of one session share what it has loaded.
    return _Session()


class _Session(Session):
    """A session that registers botocore's handlers for a service with the first client of it.

    Most of them are for services that the functions don't call, and registering them all costs more than anything else
    in making a client.
    """

    def __init__(self) -> None:
        self._of_services: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        super().__init__()

    def register(
        self,
        event_name: str,
        handler: Any,
        unique_id: str | None = None,
        unique_id_uses_count: bool = False,  # noqa: FBT001, FBT002 -- as the session has it
    ) -> None:
        """Register a handler, or keep it if its event names a service, like `after-call.sqs.*`."""
        _, *service = event_name.split(".")[:2]
        if service and unique_id is None:
            self._of_services[service[0]].append((event_name, handler))
        else:
            super().register(event_name, handler, unique_id, unique_id_uses_count)

    def create_client(self, service_name: str, *arguments: Any, **named: Any) -> Any:
        """Make a client of a service, with the handlers of that service."""
        for event_name, handler in self._of_services.pop(service_name, ()):
            super().register(event_name, handler)
        return super().create_client(service_name, *arguments, **named)
