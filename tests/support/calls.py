"""What the code under test calls AWS for, and how AWS misbehaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.client import BaseClient

if TYPE_CHECKING:
    import pytest

__all__ = ["Call", "Calls"]

#: Gets a call's parameters and the way to make it; answers or raises in its place.
type Behaviour = Callable[[dict[str, Any], Callable[[], Any]], Any]


@dataclass(frozen=True)
class Call:
    """One API call and its parameters."""

    operation: str
    parameters: dict[str, Any]


class Calls:
    """Sees every API call that is made while a function runs, and can make it fail.

    What a test itself asks AWS is neither recorded nor disturbed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[Call] = []
        #: The most calls of one operation that were under way at once.
        self.most_in_flight: dict[str, int] = defaultdict(int)
        self._in_flight: dict[str, int] = defaultdict(int)
        self._behaviours: dict[str, Behaviour] = {}
        self._is_running = False
        self._lock = Lock()
        # moto is not made for threads: two deletes at once can give two stream records one sequence number.
        moto = Lock()
        make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  (where moto's manual says to patch)

        def watched(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            def go_on() -> Any:
                with moto:
                    return make_call(client, operation, parameters)

            if not self._is_running:
                return go_on()
            with self._lock:
                self.made.append(Call(operation, parameters))
                self._in_flight[operation] += 1
                self.most_in_flight[operation] = max(self.most_in_flight[operation], self._in_flight[operation])
                behaviour = self._behaviours.get(operation)
            try:
                return go_on() if behaviour is None else behaviour(parameters, go_on)
            finally:
                with self._lock:
                    self._in_flight[operation] -= 1

        monkeypatch.setattr(BaseClient, "_make_api_call", watched)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Calls that are made inside are a function's."""
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False

    def of(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of every call of an operation."""
        return [call.parameters for call in self.made if call.operation == operation]

    def behave(self, operation: str, behaviour: Behaviour) -> None:
        """Answer an operation's calls by `behaviour` from now on."""
        self._behaviours[operation] = behaviour

    def heal(self) -> None:
        """Behave as AWS does on a good day."""
        self._behaviours.clear()

    def fail(self, operation: str, error: Exception, times: int | None = None) -> None:
        """Raise `error` for an operation's next calls: so many, or all."""
        turns = iter(range(times)) if times is not None else repeat(0)

        def behaviour(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            with self._lock:
                is_failing = next(turns, None) is not None
            if is_failing:
                raise error
            return go_on()

        self.behave(operation, behaviour)
