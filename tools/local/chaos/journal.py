"""What the embedded AWS wrote down of a run, and why a schedule was sent twice. Pure.

What it writes down is described in tools/local/embedded_aws/faults.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

__all__ = ["UNEXPLAINED", "Invocation", "Journal", "Taken", "read_journal"]

UNEXPLAINED = "unexplained"

_STORED_AGAIN = "stored again after its hand-over"

#: A call that was spoiled was begun at most this long before SQS took its messages: the proxy holds some for 4.5 s.
_CALL_SECONDS = 6.0

#: A call that was not spoiled, and on its way when its function was killed, has taken effect so soon.
_ON_ITS_WAY_SECONDS = 2.0

#: So long a function waits for an answer (delayer.retries.client_config), and then calls again.
_ANSWER_SECONDS = 4.0

#: By the outcome of its invocation, as the embedded AWS words it.
_KILLED = "Worker process died"
_WHY_A_BATCH_COMES_AGAIN = {
    "partial answer": "an earlier record of its batch had to come again",
    _KILLED: "the function was killed after SQS had taken it",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """SQS took a message: when, of which schedule, and under which MessageId."""

    at: float
    schedule_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """The fast track was called with stream records. `removed` has each removal's scheduleId, None for an insertion."""

    began: float
    ended: float
    outcome: str
    #: The position from which the records come again, or None.
    retry_from: int | None
    removed: Sequence[str | None]

    def is_done_with(self, schedule_id: str) -> bool:
        """Whether the mapping took this removal for handled."""
        return self.retry_from is None or schedule_id in self.removed[: self.retry_from]


@dataclass(slots=True)
class Journal:
    """All that was written, in its order."""

    #: How often DynamoDB stored each schedule.
    stored: dict[str, int] = field(default_factory=dict)
    taken: dict[str, list[Taken]] = field(default_factory=dict)
    invocations: dict[str, list[Invocation]] = field(default_factory=dict)
    #: How often each fault happened, by what it is.
    faults: dict[str, int] = field(default_factory=dict)
    #: When the proxy spoiled a SendMessageBatch.
    spoiled_sends: list[float] = field(default_factory=list)

    def count(self, fault: str) -> None:
        """One more of these faults."""
        self.faults[fault] = self.faults.get(fault, 0) + 1

    def add(self, fact: dict[str, Any]) -> None:
        """One line of the journal."""
        match fact["what"]:
            case "stored":
                self.stored[fact["schedule_id"]] = self.stored.get(fact["schedule_id"], 0) + 1
            case "taken":
                for schedule_id, message_id in fact["messages"]:
                    self.taken.setdefault(schedule_id, []).append(Taken(fact["at"], schedule_id, message_id))
            case "invocation":
                invocation = Invocation(fact["began"], fact["at"], fact["outcome"], fact["retry_from"], fact["removed"])
                for schedule_id in set(filter(None, invocation.removed)):
                    self.invocations.setdefault(schedule_id, []).append(invocation)
            case "kill":
                self.count(f"killed after {fact['after']}")
            case "partial":
                self.count(f"{fact['of']} done in part")

    def why_again(self, schedule_id: str, message_ids: Collection[str]) -> list[str]:
        """Why each message after a schedule's first was sent, or UNEXPLAINED."""
        taken = self.taken.get(schedule_id, [])
        reasons = [self._why(first, second) for first, second in pairwise(taken)]
        # A message that SQS never said to have taken would be none of these.
        strangers = set(message_ids) - {each.message_id for each in taken}
        return reasons + [UNEXPLAINED] * len(strangers)

    def story(self, schedule_id: str) -> str:
        """All that is known of a schedule's messages, for a person who looks into one."""
        facts = [(each.at, f"taken as {each.message_id}") for each in self.taken.get(schedule_id, [])]
        for each in self.invocations.get(schedule_id, []):
            facts += [(each.began, "fast track called"), (each.ended, f"{each.outcome}, again from {each.retry_from}")]
        lines = (f"{at:.3f} {what}" for at, what in sorted(facts))
        return f"{schedule_id}, stored {self.stored.get(schedule_id, 0)} times: {'; '.join(lines)}"

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
            return _STORED_AGAIN if self.stored.get(first.schedule_id, 0) > 1 else UNEXPLAINED
        return _WHY_A_BATCH_COMES_AGAIN.get(before.outcome, f"its invocation failed: {before.outcome}")

    def _why_outside(self, taken: Taken) -> str:
        """Why SQS took a message while no invocation worked on its schedule."""
        if self._is_spoiled(taken):
            return "a call that had been given up took effect later"
        was_killed = any(
            each.outcome == _KILLED and 0 <= taken.at - each.ended <= _ON_ITS_WAY_SECONDS
            for each in self.invocations.get(taken.schedule_id, [])
        )
        return "its call was on its way when the function was killed" if was_killed else UNEXPLAINED

    def _is_spoiled(self, taken: Taken) -> bool:
        """Whether the proxy spoiled a call that may be the one that brought this message."""
        return any(0 <= taken.at - spoiled <= _CALL_SECONDS for spoiled in self.spoiled_sends)

    def _invocation(self, taken: Taken) -> Invocation | None:
        of_schedule = self.invocations.get(taken.schedule_id, [])
        return next((each for each in of_schedule if each.began <= taken.at <= each.ended), None)


def read_journal(lines: Iterable[str], fired: Iterable[dict[str, Any]]) -> Journal:
    """The journal's lines, and the events that the proxy told of."""
    journal = Journal()
    for line in lines:
        journal.add(json.loads(line))
    for event in fired:
        journal.count(event["action"])
        if event["operation"] == "SendMessageBatch":
            journal.spoiled_sends.append(event["ts"])
    return journal
