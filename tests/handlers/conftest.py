"""The handlers on moto, by a clock that stands still."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from moto import mock_aws

from tests.support.calls import Calls
from tests.support.clock import Clock
from tests.support.delayer import Clients, Delayer, forget_metrics
from tests.support.printed import Printed, read_printed
from tests.support.property_tests import use_profile

use_profile()


@pytest.fixture(scope="module")
def frozen() -> Iterator[FrozenDateTimeFactory]:
    """Time stands still for a whole file of tests, for stopping it for each is slow; other tests are left alone."""
    with freeze_time(ignore=["_pytest.timing"]) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


@pytest.fixture
def clock(frozen: FrozenDateTimeFactory) -> Clock:
    """The one clock, at the beginning."""
    return Clock(frozen)


@pytest.fixture(scope="module")
def no_account() -> Iterator[None]:
    """A process that knows a region and no account."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "POWERTOOLS_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield


@pytest.fixture(scope="module")
def clients(no_account: None) -> Clients:  # noqa: ARG001  (the environment is what it takes)
    """Every client, made once a file: making one is slower than most tests."""
    with mock_aws():
        return Clients()


@pytest.fixture
def aws(no_account: None) -> Iterator[None]:  # noqa: ARG001  (the environment is what it takes)
    """An empty account on moto."""
    forget_metrics()
    with mock_aws():
        yield
    forget_metrics()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Every API call that a function makes."""
    return Calls(monkeypatch)


@pytest.fixture
def delayer(aws: None, clients: Clients, clock: Clock, calls: Calls) -> Delayer:  # noqa: ARG001  (an account is needed)
    """The delayer, with nothing scheduled."""
    return Delayer(clients, clock, calls)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], Printed]:
    """What was printed since it was last asked."""
    return lambda: read_printed(capsys.readouterr().out)
