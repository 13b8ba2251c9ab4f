"""make chaos overlooks nothing that goes wrong, and explains only second messages that have a cause."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from tests.support.clock import NOW
from tools.local.arrivals import Arrival, Arrivals
from tools.local.chaos.outcome import BURST_DUE, RULE_OFF, SCHEDULES, UNEXPLAINED, Journal, report


def taken(at: float, *schedule_ids: str) -> dict[str, Any]:
    """Return that SQS took messages in one call. Their MessageIds hold the time, and the place after the first."""
    messages = [(each, f"{each}@{at}{f'/{place}' if place else ''}") for place, each in enumerate(schedule_ids)]
    return {"what": "taken", "at": at, "messages": messages}


def stored(schedule_id: str) -> dict[str, Any]:
    """Return that DynamoDB stored a schedule."""
    return {"what": "stored", "at": 0, "schedule_ids": [schedule_id]}


def invocation(began: float, outcome: str, *removed: str | None, retry_from: int | None = None) -> dict[str, Any]:
    """Return a ten-second invocation of the fast track."""
    return {
        "what": "invocation", "began": began, "at": began + 10, "outcome": outcome, "retry_from": retry_from,
        "removed": removed,
    }  # fmt: skip


def journal_of(*facts: dict[str, Any], fired: list[dict[str, Any]] | None = None, calls: int = 1_000) -> Journal:
    """Return a journal of facts, faults and so many calls."""
    return Journal(map(json.dumps, facts), fired or [], calls)


def spoiled(at: float) -> dict[str, Any]:
    """Return that the proxy cut off the answer to a send."""
    return {"ts": at, "operation": "SendMessageBatch", "action": "abort"}


KILL = {"what": "fault", "at": 0, "name": "killed after PutItem"}
KILLED = "the function was killed after SQS had taken it"
LATER = "a call that had been given up took effect later"
ON_ITS_WAY = "its call was on its way when the function was killed"
STORED_AGAIN = "stored again after its hand-over"
AGAIN = "an earlier record of its batch had to come again"


#: The second invocation with the records, which succeeds.
_SECOND = invocation(20, "done", "x", "a")
_WITHIN = (taken(5, "a"), taken(6, "a"))
_DIED = "Worker process died"


@pytest.mark.parametrize(
    ("facts", "fired", "reason"),
    [
        ([invocation(0, "done", "a"), *_WITHIN], [spoiled(4)], "SQS took it, and the answer was lost"),
        ([invocation(0, "done", "a"), *_WITHIN], [], UNEXPLAINED),
        # Both of its removals were in one batch, and their messages in one call.
        ([stored("a"), stored("a"), invocation(0, "done", "a", "a"), taken(5, "a", "a")], [], STORED_AGAIN),
        ([invocation(0, "done", "a"), *_WITHIN], [spoiled(-2)], UNEXPLAINED),
        ([invocation(0, "done", "a"), taken(1, "a"), taken(5.1, "a")], [], "SQS took it, and no answer came in time"),
        ([invocation(0, _DIED, "x", "a", retry_from=0), _SECOND], [], KILLED),
        ([invocation(0, "partial answer", "x", "a", retry_from=0), _SECOND], [], AGAIN),
        ([invocation(0, "partial answer", "a", "x", retry_from=1), _SECOND], [], UNEXPLAINED),
        ([invocation(0, "timed out", "x", "a", retry_from=0), _SECOND], [], "its invocation failed: timed out"),
        ([stored("a"), stored("a"), invocation(0, "done", "a"), _SECOND], [], STORED_AGAIN),
        ([stored("a"), stored("b"), invocation(0, "done", "a"), _SECOND], [], UNEXPLAINED),
        ([invocation(0, "done", "a"), taken(5, "a"), taken(11, "a")], [spoiled(6.5)], LATER),
        ([invocation(0, "done", "a"), taken(5, "a"), taken(11, "a")], [spoiled(4)], UNEXPLAINED),
        ([invocation(0, _DIED, "a", retry_from=0), taken(15, "a"), _SECOND, taken(25, "a")], [spoiled(11)], LATER),
        ([invocation(0, _DIED, "a", retry_from=0), taken(15, "a"), _SECOND, taken(25, "a")], [spoiled(2)], UNEXPLAINED),
        ([invocation(0, _DIED, "a", retry_from=0), taken(11, "a"), _SECOND, taken(25, "a")], [], ON_ITS_WAY),
        ([invocation(0, "done", "a"), taken(11, "a"), _SECOND, taken(25, "a")], [], UNEXPLAINED),
    ],
    ids=[
        "lost",
        "no fault",
        "stored again within a batch",
        "too early",
        "slow",
        "killed",
        "earlier",
        "done with",
        "timed out",
        "stored again",
        "once",
        "late effect",
        "never held",
        "late effect of a killed one",
        "out of nowhere",
        "on its way",
        "after its end",
    ],
)
def test_second_message_has_its_reason(facts: list[dict[str, Any]], fired: list[dict[str, Any]], reason: str) -> None:
    """Each cause leaves a trace in the journal; without one, the message is unexplained."""
    sends = [] if any(fact["what"] == "taken" for fact in facts) else [taken(5, "a"), taken(25, "a")]
    journal = journal_of(*facts, *sends, fired=fired)
    ids = {message_id for _, message_id in journal.taken["a"]}
    assert journal.why_again("a", ids) == [reason]


def test_message_that_sqs_never_took_is_unexplained() -> None:
    """A message that was received and is not in the journal repeats no other."""
    journal = journal_of(invocation(0, "done", "a"), taken(5, "a"))
    assert journal.why_again("a", {"a@5", "stranger"}) == [UNEXPLAINED]


def outcome(**changes: Any) -> SimpleNamespace:
    """Return a good run: every schedule arrives half a second late, and one call in four is spoiled."""
    due = {str(number): NOW + (BURST_DUE if number < 500 else number % 60) for number in range(SCHEDULES)}
    arrivals = {schedule_id: [Arrival(at + 0.5, "m")] for schedule_id, at in due.items()}
    journal = journal_of(KILL, fired=[spoiled(n) for n in range(249)])
    facts: dict[str, Any] = {
        "start": NOW, "due": due, "requests": SCHEDULES, "cancelled": ["never"], "arrivals": arrivals,
        "journal": journal, "left": {"in the table": 0},
    }  # fmt: skip
    return SimpleNamespace(**(facts | changes))


def hear(arrivals: Arrivals, schedule_id: str, at: float, message_id: str = "m") -> None:
    """Receive a message."""
    arrivals.setdefault(schedule_id, []).append(Arrival(at, message_id))


def printed(of: SimpleNamespace) -> tuple[bool, str]:
    """Return whether the outcome is good, and its table."""
    is_good, table = report(**vars(of))
    console = Console(width=160)
    with console.capture() as capture:
        console.print(table)
    return is_good, capture.get()


def test_good_run_passes() -> None:
    """The table has the counts, the lateness and the share of spoiled calls."""
    is_good, text = printed(outcome())
    assert is_good
    assert "2,000 in 2,000 requests" in text
    assert "p50 500, p99 500, worst 500" in text
    assert "250 of 1,000 to DynamoDB and SQS, 25%" in text
    assert "1, 0 of them sent all the same" in text


def test_anything_wrong_fails_the_run() -> None:
    """Lost, early, unexplained, left behind, sent though cancelled, too few faults, no kill, or too few schedules."""
    lost = outcome()
    del lost.arrivals["7"]
    early = outcome()
    early.arrivals["7"] = [Arrival(early.due["7"] - 0.001, "m")]
    twice = outcome()
    hear(twice.arrivals, "7", NOW + 500, "another")
    unknown = outcome()
    hear(unknown.arrivals, "unknown", NOW + 500)
    few = outcome()
    del few.due["7"], few.arrivals["7"]
    bad = [lost, early, twice, unknown, few, outcome(left={"in the table": 1})]
    bad.append(outcome(journal=journal_of(fired=[spoiled(n) for n in range(250)])))
    bad.append(outcome(journal=journal_of(KILL, fired=[spoiled(n) for n in range(249)], calls=2_000)))
    bad.append(outcome(journal=journal_of(KILL, taken(NOW, "never"), fired=[spoiled(n) for n in range(249)])))
    assert [printed(each)[0] for each in bad] == [False] * len(bad)


def test_redelivery_is_no_second_message() -> None:
    """A message that SQS hands out twice has one MessageId, and needs no reason."""
    redelivered = outcome()
    hear(redelivered.arrivals, "7", NOW + 500, "m")
    assert printed(redelivered)[0]


def test_lateness_in_an_outage_is_separate() -> None:
    """A schedule due while the rule was off, or before the next tick, is not undisturbed."""
    disturbed = outcome()
    disturbed.due["7"] = NOW + RULE_OFF[0] + 30
    disturbed.arrivals["7"] = [Arrival(disturbed.due["7"] + 90.0, "m")]
    _, text = printed(disturbed)
    assert "all: p50 500, p99 500, worst 90,000" in text
    assert "due while nothing was switched off: p50 500, p99 500, worst 500" in text


def test_unexplained_message_shows_its_story() -> None:
    """The table has all that is known about its schedule."""
    journal = journal_of(stored("7"), invocation(NOW, "done", "7"), taken(NOW + 1, "7"), taken(NOW + 2, "7"))
    twice = outcome(journal=journal)
    hear(twice.arrivals, "7", NOW + 500, f"7@{NOW + 2}")
    _, text = printed(twice)
    assert "7, stored 1 times: " in text
    assert f"{NOW + 2:.3f} taken as" in " ".join(text.split())
