"""Nothing of the caller's account, settings or checkout takes part in these tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkouts import clean_environment
from tests.support.fake_terraform import FakeTerraform


@pytest.fixture(autouse=True)
def _nothing_of_the_callers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


@pytest.fixture(autouse=True)
def _restore_handlers() -> Iterator[None]:
    """Give each test the signals of a shell's foreground, whatever runs the tests, and let no command keep them."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def fake_terraform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTerraform:
    """A stand-in for Terraform, first on PATH. The registry is as good as reached."""
    fake = FakeTerraform(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("tools.terraform._provider_mirror", lambda _cache: None)
    return fake
