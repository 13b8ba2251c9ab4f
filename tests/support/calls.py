"""Recording and failing of AWS calls."""

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

#: Takes a call's parameters and a function that makes the call. It answers or raises in place of the call.
type Behaviour = Callable[[dict[str, Any], Callable[[], Any]], Any]


@dataclass(frozen=True)
class Call:
    """An API call and its parameters."""

    operation: str
    parameters: dict[str, Any]


class Calls:
    """Records every API call that a function makes, and can make it fail. Calls of the test itself are not affected."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[Call] = []
        #: The most calls in flight at once, by operation.
        self.most_in_flight: dict[str, int] = defaultdict(int)
        self._in_flight: dict[str, int] = defaultdict(int)
        self._behaviours: dict[str, Behaviour] = {}
        self._is_running = False
        self._lock = Lock()
        # moto is not thread-safe: two deletes at once can put two stream records with the same sequence number.
        moto = Lock()
        make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  (moto's manual recommends this)

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
        """Treat calls made inside as those of a function."""
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False

    def of(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of every call of an operation."""
        return [call.parameters for call in self.made if call.operation == operation]

    def behave(self, operation: str, behaviour: Behaviour) -> None:
        """Answer an operation's calls with `behaviour` from now on."""
        self._behaviours[operation] = behaviour

    def heal(self) -> None:
        """End all behaviours."""
        self._behaviours.clear()

    def fail(self, operation: str, error: Exception, times: int | None = None) -> None:
        """Raise `error` for an operation's next calls: the next `times`, or all."""
        turns = iter(range(times)) if times is not None else repeat(0)

        def behaviour(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            with self._lock:
                is_failing = next(turns, None) is not None
            if is_failing:
                raise error
            return go_on()

        self.behave(operation, behaviour)
