"""The outcome of a run: why a schedule was sent twice, and whether all is as it should be. Pure."""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Any

from rich.table import Table

from tools.local.arrivals import Arrivals

#: The schedules of a run, BURST of which are due in one second.
SCHEDULES, BURST = 2_000, 500

#: The least share of the functions' calls to DynamoDB and SQS that must be spoiled; with less, a run shows nothing.
LEAST_FAULTY = 0.2

#: Seconds after the start: the minute's rule is off, the stream mapping is off, the burst is due.
RULE_OFF = (70, 250)
MAPPING_OFF = (270, 315)
BURST_DUE = 400

UNEXPLAINED = "unexplained"

_STORED_AGAIN = "stored again after its hand-over"

#: The longest times to the effect of a call: of a spoiled one (the proxy holds some for 4.5 s), and of another from the
#: end of its function, which was killed. How long a function waits for an answer (delayer.clients.make_client).
_CALL_SECONDS, _ON_ITS_WAY_SECONDS, _ANSWER_SECONDS = 6.0, 2.0, 4.0

#: The outcome of an invocation whose function was killed, in ministack's words.
_KILLED = "Worker process died"


class Journal:
    """All that happened in a run: the lines that faults.py describes, and the proxy's faults and number of calls."""

    def __init__(self, lines: Iterable[str], fired: Sequence[dict[str, Any]], calls: int) -> None:
        self.stored: Counter[str] = Counter()
        self.faults = Counter(event["action"] for event in fired)
        #: When SQS took each message of a schedule, and its MessageId.
        self.taken: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        self.calls = calls
        self._invocations: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._spoiled_sends = [event["ts"] for event in fired if event["operation"] == "SendMessageBatch"]
        for fact in map(json.loads, lines):
            match fact["what"]:
                case "stored":
                    self.stored.update(fact["schedule_ids"])
                case "taken":
                    for schedule_id, message_id in fact["messages"]:
                        self.taken[schedule_id].append((fact["at"], message_id))
                case "invocation":
                    for schedule_id in set(filter(None, fact["removed"])):
                        self._invocations[schedule_id].append(fact)
                case "fault":
                    self.faults[fact["name"]] += 1

    def why_again(self, schedule_id: str, message_ids: Collection[str]) -> list[str]:
        """Return the reason for each message after a schedule's first, or UNEXPLAINED."""
        taken = self.taken[schedule_id]
        reasons = [self._why(schedule_id, first, second) for (first, _), (second, _) in pairwise(taken)]
        # A message that was received, and that SQS never took, has no reason.
        return reasons + [UNEXPLAINED] * len(set(message_ids) - {message_id for _, message_id in taken})

    def story(self, schedule_id: str) -> str:
        """Return all that is known about a schedule's messages, for a person who investigates one."""
        facts = [(at, f"taken as {message_id}") for at, message_id in self.taken[schedule_id]]
        for each in self._invocations[schedule_id]:
            end = f"{each['outcome']}, again from {each['retry_from']}"
            facts += [(each["began"], "fast track called"), (each["at"], end)]
        lines = (f"{at:.3f} {fact}" for at, fact in sorted(facts))
        return f"{schedule_id}, stored {self.stored[schedule_id]} times: {'; '.join(lines)}"

    def _why(self, schedule_id: str, first: float, second: float) -> str:
        invocations = self._invocations[schedule_id]
        before, after = (
            next((each for each in invocations if each["began"] <= at <= each["at"]), None) for at in (first, second)
        )
        if before is None or after is None:
            # No invocation worked on the schedule then.
            at = first if before is None else second
            ends = [each["at"] for each in invocations if each["outcome"] == _KILLED]
            was_on_its_way = any(0 <= at - end <= _ON_ITS_WAY_SECONDS for end in ends)
            reasons = {
                "a call that had been given up took effect later": self._is_spoiled(at),
                "its call was on its way when the function was killed": was_on_its_way,
            }
        elif before is after:
            reasons = {
                "SQS took it, and the answer was lost": self._is_spoiled(first),
                _STORED_AGAIN: before["removed"].count(schedule_id) > 1,
                "SQS took it, and no answer came in time": second - first >= _ANSWER_SECONDS,
            }
        elif before["retry_from"] is None or schedule_id in before["removed"][: before["retry_from"]]:
            # The removal counts as handled, so that it is not retried.
            reasons = {_STORED_AGAIN: self.stored[schedule_id] > 1}
        else:
            reasons = {
                "an earlier record of its batch had to come again": before["outcome"] == "partial answer",
                "the function was killed after SQS had taken it": before["outcome"] == _KILLED,
                f"its invocation failed: {before['outcome']}": True,
            }
        return next((reason for reason, is_given in reasons.items() if is_given), UNEXPLAINED)

    def _is_spoiled(self, at: float) -> bool:
        # A call that may have brought the message that SQS took then.
        return any(0 <= at - spoiled <= _CALL_SECONDS for spoiled in self._spoiled_sends)


def _percentiles(lateness: list[float]) -> str:
    cuts = statistics.quantiles(lateness, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1000:,.0f}, p99 {cuts[98] * 1000:,.0f}, worst {max(lateness) * 1000:,.0f}"


def report(
    *,
    start: int,
    due: dict[str, int],
    requests: int,
    cancelled: Sequence[str],
    arrivals: Arrivals,
    journal: Journal,
    left: dict[str, int],
) -> tuple[bool, Table]:
    """Return whether the outcome of a run is as it should be, and a table that shows it.

    `left` counts records and messages by the place where none should be.
    """
    late = {each: min(arrivals[each]).at - due[each] for each in arrivals.keys() & due.keys()}
    lost = len(due) - len(late)
    early = sum(seconds < 0 for seconds in late.values())
    #: The scheduleId and the reason of every message beyond a schedule's first.
    sent_again = [
        (schedule_id, reason)
        for schedule_id, messages in arrivals.items()
        if len(message_ids := {each.message_id for each in messages}) > 1 or schedule_id not in due
        for reason in journal.why_again(schedule_id, message_ids) or [UNEXPLAINED]
    ]
    unexplained = [schedule_id for schedule_id, reason in sent_again if reason == UNEXPLAINED]
    sent = sum(bool(journal.taken[schedule_id]) for schedule_id in cancelled)
    spoiled, calls = journal.faults.total(), journal.calls
    # While nothing is switched off, and no wait for the next tick follows.
    undisturbed = [
        seconds
        for each, seconds in late.items()
        if not any(begin <= due[each] - start <= end + 60 for begin, end in (RULE_OFF, MAPPING_OFF))
    ]
    burst = [late[each] for each in late if due[each] == start + BURST_DUE]

    table = Table(show_header=False)
    for row in (
        ("accepted", f"{len(due):,} in {requests:,} requests, {BURST} of them due in one second"),
        ("arrived", f"{len(late):,}"),
        ("lost", ", ".join([str(lost), *(f"{count} {where}" for where, count in left.items() if count)])),
        ("early", f"{early}"),
        ("cancelled", f"{len(cancelled)}, {sent} of them sent all the same"),
        ("sent again", f"{len(sent_again)}, each under its scheduleId"),
        *(("", f"{count}: {reason}") for reason, count in Counter(reason for _, reason in sent_again).most_common()),
        *(("", journal.story(schedule_id)) for schedule_id in unexplained),
        ("lateness, ms", f"all: {_percentiles(list(late.values()))}"),
        ("", f"due while nothing was switched off: {_percentiles(undisturbed)}"),
        ("", f"the burst: {_percentiles(burst)}"),
        ("calls spoiled", f"{spoiled:,} of {calls:,} to DynamoDB and SQS, {spoiled / calls:.0%}"),
        *(("", f"{count}: {fault}") for fault, count in journal.faults.most_common()),
    ):
        table.add_row(*row)

    has_kill = any(fault.startswith("killed") for fault in journal.faults)
    is_whole = len(due) == SCHEDULES and has_kill and spoiled / calls >= LEAST_FAULTY
    return is_whole and not (lost or early or sent or unexplained or any(left.values())), table
