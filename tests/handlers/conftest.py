"""Fixtures for the handlers on moto, with a frozen clock.

moto is the fake AWS of these tests because it sits behind the real boto3: it validates parameters and expressions, and
its stream records have the real shape. The model has a faster one, tests/support/memory_aws.py.
"""

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
    """Freeze the time for a file of tests, because freezing it for each test is slow."""
    with freeze_time(ignore=["_pytest.timing"]) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


@pytest.fixture
def clock(frozen: FrozenDateTimeFactory) -> Clock:
    """Return the clock of the test, at NOW."""
    return Clock(frozen)


@pytest.fixture(scope="module")
def no_account() -> Iterator[None]:
    """Set a region and fake credentials, and remove all other AWS settings."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "POWERTOOLS_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield


@pytest.fixture(scope="module")
def clients(no_account: None) -> Clients:  # noqa: ARG001  (clients read the environment)
    """Return all clients, made once per file, because making one is slower than most tests."""
    with mock_aws():
        return Clients()


@pytest.fixture
def aws(no_account: None) -> Iterator[None]:  # noqa: ARG001  (moto reads the environment)
    """Start an empty account on moto."""
    forget_metrics()
    with mock_aws():
        yield
    forget_metrics()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return the recorder of the functions' API calls."""
    return Calls(monkeypatch)


@pytest.fixture
def delayer(aws: None, clients: Clients, clock: Clock, calls: Calls) -> Delayer:  # noqa: ARG001  (it needs an account)
    """Return a delayer without schedules."""
    return Delayer(clients, clock, calls)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], Printed]:
    """Return a function that reads what was printed since its last call."""
    return lambda: read_printed(capsys.readouterr().out)
