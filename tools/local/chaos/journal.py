"""The journal of a run, and why a schedule was sent twice. Pure.

tools/local/chaos/faults.py writes the journal, and describes its lines.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

UNEXPLAINED = "unexplained"

_STORED_AGAIN = "stored again after its hand-over"

#: The longest time from a spoiled call to its effect: the proxy holds some calls for 4.5 s.
_CALL_SECONDS = 6.0

#: The longest time from the end of a killed function to the effect of its last call, if that was not spoiled.
_ON_ITS_WAY_SECONDS = 2.0

#: How long a function waits for an answer before it calls again (delayer.retries.client_config).
_ANSWER_SECONDS = 4.0

#: The outcome of an invocation whose function was killed, in ministack's words.
_KILLED = "Worker process died"

#: Why the records of a batch come again, by the outcome of their invocation.
_WHY_A_BATCH_COMES_AGAIN = {
    "partial answer": "an earlier record of its batch had to come again",
    _KILLED: "the function was killed after SQS had taken it",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that SQS took: when, which schedule's, and its MessageId."""

    at: float
    schedule_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """An invocation of the fast track. `removed` has the scheduleId of each removal, and None for an insertion."""

    began: float
    ended: float
    outcome: str
    #: The position from which the records are retried, or None.
    retry_from: int | None
    removed: Sequence[str | None]

    def is_done_with(self, schedule_id: str) -> bool:
        """Return whether this removal counts as handled, so that it is not retried."""
        return self.retry_from is None or schedule_id in self.removed[: self.retry_from]


@dataclass(slots=True)
class Journal:
    """All that was written, in the order of the file."""

    #: How often DynamoDB stored each schedule.
    stored: Counter[str] = field(default_factory=Counter)
    taken: dict[str, list[Taken]] = field(default_factory=dict)
    invocations: dict[str, list[Invocation]] = field(default_factory=dict)
    #: How often each fault happened.
    faults: Counter[str] = field(default_factory=Counter)
    #: When the proxy spoiled a SendMessageBatch.
    spoiled_sends: list[float] = field(default_factory=list)

    def add(self, fact: dict[str, Any]) -> None:
        """Add a line."""
        match fact["what"]:
            case "stored":
                self.stored.update(fact["schedule_ids"])
            case "taken":
                for schedule_id, message_id in fact["messages"]:
                    self.taken.setdefault(schedule_id, []).append(Taken(fact["at"], schedule_id, message_id))
            case "invocation":
                invocation = Invocation(fact["began"], fact["at"], fact["outcome"], fact["retry_from"], fact["removed"])
                for schedule_id in set(filter(None, invocation.removed)):
                    self.invocations.setdefault(schedule_id, []).append(invocation)
            case "kill":
                self.faults[f"killed after {fact['after']}"] += 1
            case "partial":
                self.faults[f"{fact['of']} done in part"] += 1

    def why_again(self, schedule_id: str, message_ids: Collection[str]) -> list[str]:
        """Return the reason for each message after a schedule's first, or UNEXPLAINED."""
        taken = self.taken.get(schedule_id, [])
        reasons = [self._why(first, second) for first, second in pairwise(taken)]
        # A message that was received, and that SQS never took, has no reason.
        strangers = set(message_ids) - {each.message_id for each in taken}
        return reasons + [UNEXPLAINED] * len(strangers)

    def story(self, schedule_id: str) -> str:
        """Return all that is known about a schedule's messages, for a person who investigates one."""
        facts = [(each.at, f"taken as {each.message_id}") for each in self.taken.get(schedule_id, [])]
        for each in self.invocations.get(schedule_id, []):
            facts += [(each.began, "fast track called"), (each.ended, f"{each.outcome}, again from {each.retry_from}")]
        lines = (f"{at:.3f} {fact}" for at, fact in sorted(facts))
        return f"{schedule_id}, stored {self.stored[schedule_id]} times: {'; '.join(lines)}"

    def _why(self, first: Taken, second: Taken) -> str:
        before, after = self._invocation(first), self._invocation(second)
        if before is None or after is None:
            return self._why_outside(first if before is None else second)
        if before is after:
            if self._is_spoiled(first):
                return "SQS took it, and the answer was lost"
            if before.removed.count(first.schedule_id) > 1:
                return _STORED_AGAIN
            is_slow = second.at - first.at >= _ANSWER_SECONDS
            return "SQS took it, and no answer came in time" if is_slow else UNEXPLAINED
        if before.is_done_with(first.schedule_id):
            return _STORED_AGAIN if self.stored[first.schedule_id] > 1 else UNEXPLAINED
        return _WHY_A_BATCH_COMES_AGAIN.get(before.outcome, f"its invocation failed: {before.outcome}")

    def _why_outside(self, taken: Taken) -> str:
        """Return why SQS took a message while no invocation worked on its schedule."""
        if self._is_spoiled(taken):
            return "a call that had been given up took effect later"
        was_killed = any(
            each.outcome == _KILLED and 0 <= taken.at - each.ended <= _ON_ITS_WAY_SECONDS
            for each in self.invocations.get(taken.schedule_id, [])
        )
        return "its call was on its way when the function was killed" if was_killed else UNEXPLAINED

    def _is_spoiled(self, taken: Taken) -> bool:
        """Return whether the proxy spoiled a call that may have brought this message."""
        return any(0 <= taken.at - spoiled <= _CALL_SECONDS for spoiled in self.spoiled_sends)

    def _invocation(self, taken: Taken) -> Invocation | None:
        of_schedule = self.invocations.get(taken.schedule_id, [])
        return next((each for each in of_schedule if each.began <= taken.at <= each.ended), None)


def read_journal(lines: Iterable[str], fired: Iterable[dict[str, Any]]) -> Journal:
    """Read the journal's lines, and the proxy's faults."""
    journal = Journal()
    for line in lines:
        journal.add(json.loads(line))
    for event in fired:
        journal.faults[event["action"]] += 1
        if event["operation"] == "SendMessageBatch":
            journal.spoiled_sends.append(event["ts"])
    return journal
