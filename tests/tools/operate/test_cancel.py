"""make cancel cancels the schedules of a range, and none that could already be handed over."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from rich.console import Console

from delayer.schedules import format_point_in_time
from tests.support.checkouts import ROOT, clean_environment
from tests.support.failures import client_error
from tests.support.moto_environment import HOUR, moto_environment, store
from tools.operate import cancel as command
from tools.operate.cancel import cancel
from tools.operate.environment import Environment
from tools.operate.list import parse_range
from tools.project import CommandError


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Return an environment on moto."""
    with moto_environment(monkeypatch) as environment:
        yield environment


def after(seconds: int) -> str:
    """Return the time in so many seconds."""
    return format_point_in_time(int(time.time()) + seconds)


def run(environment: Environment, start: str, end: str, **options: bool) -> tuple[bool, str]:
    """Cancel a range, and return whether none is left, and what was printed."""
    console = Console(file=io.StringIO(), width=200)
    given = {"is_dry_run": False, "is_agreed": True} | options
    is_done = cancel(environment, console, parse_range(start, end), **given)
    assert isinstance(console.file, io.StringIO)
    return is_done, console.file.getvalue()


def stored() -> list[int]:
    """Return the times of the schedules in the table."""
    items = boto3.client("dynamodb").scan(TableName="schedules")["Items"]
    return sorted(int(item["due"]["S"][:12]) for item in items)


def store_soon(shard: int, *ahead: int) -> None:
    """Store schedules that are due in so many seconds."""
    store(shard, *[int(time.time()) + seconds for seconds in ahead])


def test_schedules_of_the_range_are_cancelled(environment: Environment) -> None:
    """Those due at its start are in it; those due at its end, and all others, stay."""
    now = int(time.time())
    store(0, now + HOUR, *[now + HOUR + n for n in range(1, 60)])
    store(1, now + HOUR - 1, now + 2 * HOUR - 1, now + 2 * HOUR)
    start, end = format_point_in_time(now + HOUR), format_point_in_time(now + 2 * HOUR)
    is_done, printed = run(environment, start, end)
    assert is_done
    assert "61 schedules are cancelled." in printed
    assert stored() == [now + HOUR - 1, now + 2 * HOUR]


def test_dry_run_counts_and_cancels_nothing(environment: Environment) -> None:
    """It prints how many schedules would be cancelled, and the range."""
    store_soon(2, HOUR, HOUR + 1)
    start, end = after(2_000), after(2 * HOUR)
    assert run(environment, start, end, is_dry_run=True) == (
        True,
        f"Counting schedules\n2 schedules due from {start} to before {end}. Nothing was cancelled.\n",
    )
    assert len(stored()) == 2


def test_second_run_finds_nothing(environment: Environment) -> None:
    """A command that was interrupted is run again, and goes on."""
    store_soon(0, HOUR)
    start, end = after(2_000), after(2 * HOUR)
    assert run(environment, start, end)[0]
    assert "0 schedules" in run(environment, start, end)[1]


@pytest.mark.parametrize("ahead", [-HOUR, 0, 900, 960])
def test_last_sixteen_minutes_are_refused(environment: Environment, ahead: int) -> None:
    """A removal there would be a hand-over. The message has the earliest time that is possible."""
    store_soon(0, ahead + 1)
    with pytest.raises(CommandError, match=r"FROM must be 20\S+Z or later: schedules that are due within 960 s"):
        run(environment, after(ahead), after(HOUR))
    assert len(stored()) == 1


def test_clock_is_that_of_aws(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an operator's clock that is five minutes slow WHEN the range is near THEN it is refused all the same."""
    monkeypatch.setattr(command, "_aws_clock", lambda _environment: lambda: time.time() + 300)
    with pytest.raises(CommandError, match="are being handed over"):
        run(environment, after(1_200), after(HOUR))


def test_schedules_that_come_too_near_meanwhile_stay(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an hour between the question and the deletion THEN what is too near by then stays, and is counted."""
    store_soon(0, 2_000, 9_000)
    now = iter([0.0, *[HOUR] * 10])
    monkeypatch.setattr(command, "_aws_clock", lambda _environment: lambda: time.time() + next(now))
    is_done, printed = run(environment, after(1_500), after(3 * HOUR))
    assert is_done
    assert "1 schedules are cancelled." in printed
    assert "1 became due too soon meanwhile: expect their messages." in printed
    assert len(stored()) == 1


def test_removal_that_takes_too_long_is_not_called_cancelled(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN an answer that comes when a removal counts as a hand-over THEN its schedules are counted as too late."""
    store_soon(0, 2_000, 9_000)
    now = iter([0.0, 0.0, *[1_101.0] * 10])
    monkeypatch.setattr(command, "_aws_clock", lambda _environment: lambda: time.time() + next(now))
    is_done, printed = run(environment, after(1_500), after(3 * HOUR))
    assert is_done
    assert "1 schedules are cancelled." in printed
    assert "1 became due too soon meanwhile: expect their messages." in printed
    assert stored() == []


def test_schedules_that_the_table_does_not_confirm_are_left(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a table that refuses deletes WHEN cancelled THEN the command fails, and says how to go on."""
    store_soon(0, HOUR)
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def refuse(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "BatchWriteItem":
            raise client_error("AccessDeniedException")
        return make_call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    is_done, printed = run(environment, after(2_000), after(2 * HOUR))
    assert not is_done
    assert "1 may be left; run the same command again" in printed
    assert "AccessDeniedException" in printed


@pytest.mark.parametrize(("answer", "count"), [("yes", 0), ("no", 1), ("", 1)])
def test_question_is_asked_first(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, answer: str, count: int
) -> None:
    """It has the number of schedules, the range and the environment; only yes goes on."""
    store_soon(0, HOUR)
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("builtins.input", reply)
    if count:
        with pytest.raises(CommandError, match="nothing was cancelled"):
            run(environment, after(2_000), after(2 * HOUR), is_agreed=False)
    else:
        run(environment, after(2_000), after(2 * HOUR), is_agreed=False)
    assert asked[0].startswith("1 schedules due from ")
    assert environment.name in asked[0]
    assert len(stored()) == count


def test_nobody_to_ask_is_an_error(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipeline YES=1 replaces the question."""
    store_soon(0, HOUR)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="set YES=1"):
        run(environment, after(2_000), after(2 * HOUR), is_agreed=False)
    assert len(stored()) == 1


WRONG = [
    (["dev", "tomorrow", "2030-01-01T00:00:00Z"], "FROM=tomorrow is not an RFC 3339 time"),
    (["dev", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00"], "TO=2030-01-01T00:00:00 has no offset"),
    (["dev", "2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z"], "is after TO="),
    (["nowhere", "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"], "there is no environment 'nowhere'"),
]
NEEDED = [(["dev", "", ""], "FROM and TO are needed"), (["dev", "2030-01-01T00:00:00Z", ""], "FROM and TO are needed")]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [("cancel", *case) for case in (*NEEDED, *WRONG)] + [("list", *case) for case in WRONG],
)
def test_wrong_arguments_end_in_one_line(name: str, arguments: list[str], message: str) -> None:
    """What is wrong, and what to write."""
    done = subprocess.run(  # noqa: S603 -- our own module
        [sys.executable, "-m", f"tools.operate.{name}", *arguments],
        cwd=ROOT, env={**clean_environment(), "PYTHONPATH": "src:."}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"make {name}: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
