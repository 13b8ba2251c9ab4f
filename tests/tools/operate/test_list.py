"""make list prints the schedules of a range in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from delayer.schedules import format_point_in_time
from tests.support.moto_environment import HOUR, NOW, moto_environment, store
from tools.operate import list as command
from tools.operate.environment import Environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Return an environment on moto, which is what ENV names."""
    with moto_environment(monkeypatch) as environment:
        monkeypatch.setattr(command, "find_environment", lambda _name: environment)
        yield environment


def printed(capsys: pytest.CaptureFixture[str], start: str = "", end: str = "") -> tuple[str, str]:
    """Run the command, and return what it printed: output and errors."""
    command.show("dev", start, end)
    captured = capsys.readouterr()
    return captured.out, captured.err


@pytest.mark.usefixtures("environment")
def test_lines_have_time_and_id_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """The output is for scripts; the count goes to the errors."""
    store(0, NOW + 3, NOW + 1)
    store(2, NOW + 2)
    output, errors = printed(capsys)
    assert [line.split()[0] for line in output.splitlines()] == [
        format_point_in_time(NOW + seconds) for seconds in (1, 2, 3)
    ]
    assert [line.split()[1][:3] for line in output.splitlines()] == ["000", "002", "000"]
    assert errors == "3 schedules\n"


@pytest.mark.usefixtures("environment")
def test_range_limits_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """FROM is in the range, and TO is not."""
    store(1, NOW, NOW + HOUR, NOW + 2 * HOUR)
    output, _ = printed(capsys, format_point_in_time(NOW + HOUR), format_point_in_time(NOW + 2 * HOUR))
    assert output.split()[::2] == [format_point_in_time(NOW + HOUR)]


@pytest.mark.usefixtures("environment")
def test_empty_table_prints_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the count."""
    assert printed(capsys) == ("", "0 schedules\n")
