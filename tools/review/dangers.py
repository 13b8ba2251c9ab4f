"""What a plan would do to schedules, messages and access: the rules, each in the words of who would suffer it.

A value that is known only after the apply is not what it was, as far as can be told, so it is judged like a change. A
sensitive one is compared, and never told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tools.review.access import access_dangers
from tools.review.alarms import alarm_dangers
from tools.review.api import integration_dangers, route_dangers, throttling_dangers
from tools.review.authorization import authorization_dangers
from tools.review.callers import call_dangers, caller_dangers
from tools.review.danger import Danger
from tools.review.functions import direction_dangers, function_dangers, lateness_dangers, standstill_dangers
from tools.review.guarded_stores import GUARDS as STORES
from tools.review.guarded_ways import GUARDS as WAYS
from tools.review.guards import guard_dangers
from tools.review.inventory import forgotten_dangers, store_dangers, stranger_dangers, without_what_is_forgotten
from tools.review.keeping import encryption_dangers, recovery_dangers, retention_dangers
from tools.review.lifecycle import lifecycle_dangers
from tools.review.losses import loss_dangers, without_what_goes_along
from tools.review.plan import Plan
from tools.review.stream import mapping_dangers, reader_dangers, stream_dangers
from tools.review.sweep import delayer_period_dangers, shard_dangers, target_dangers, worker_dangers

__all__ = ["DANGERS", "find_dangers"]

#: Every danger's id, by which the file of accepted ones names it, and what it is.
DANGERS = {
    "access-grows": "somebody may do what they could not",
    "access-unknown": "what a policy allows is known only after the apply, or hidden",
    "access-wildcard": "a policy allows what it does not name",
    "alarms-silenced": "nobody is told when something goes wrong",
    "api-destroyed": "the API is destroyed or replaced, and its address with it",
    "authorization-changed": "other clients than now are let in",
    "authorization-removed": "everyone is let in",
    "call-refused": "a function's role no longer allows what it did",
    "caller-refused": "the API or the minute's rule may no longer call its function",
    "dead-letter-queue-destroyed": "the dead-letter queue is destroyed or replaced",
    "dead-letter-queue-detached": "what consumers fail to handle no longer reaches the dead-letter queue",
    "dead-letter-queue-elsewhere": "what consumers fail to handle goes to another queue than the dead-letter queue",
    "dead-letter-queue-sooner": "messages go to the dead-letter queue after fewer tries",
    "delayer-period-changed": "schedules move to the queue earlier or later than now",
    "deletion-protection-off": "what holds schedules or records can be deleted",
    "encryption-weakened": "what is stored is encrypted with less, or with another key",
    "failure-bucket-destroyed": "the failure bucket is destroyed or replaced",
    "forgotten": "Terraform no longer knows what stays in AWS",
    "function-architecture-changed": "a function runs on another processor",
    "function-destroyed": "a function is destroyed or replaced",
    "function-elsewhere": "a function stores, sweeps, sends or keeps elsewhere than now",
    "function-foreign-code": "a function runs code that was not built here",
    "function-handler-changed": "another part of the package is called",
    "function-network-changed": "a function runs in a network from which it may reach nothing",
    "function-role-changed": "a function gets other permissions as a whole",
    "function-runtime-changed": "a function runs on another Python",
    "function-shrunk": "a function has less time or memory than now",
    "function-stopped": "no call of a function runs",
    "lateness-limited": "what is late goes to the failure bucket and not to its consumer, or sooner than now",
    "log-group-destroyed": "a log group is destroyed or replaced",
    "public-access-loosened": "the failure bucket may be opened to the public",
    "queue-destroyed": "the delayer queue is destroyed or replaced",
    "queue-narrowed": "the queue takes smaller messages, gives them again sooner, or takes no delay",
    "recovery-off": "what is deleted by mistake can't be brought back",
    "recovery-shortened": "what is deleted by mistake can be brought back for less long",
    "retention-shortened": "messages, records or logs are deleted earlier",
    "route-destroyed": "the API stays, and requests no longer reach the function",
    "route-elsewhere": "requests reach something else than the function",
    "shards-unswept": "schedules lie in shards that no sweep reads",
    "store-created": "a table, queue or bucket is not there, though others are",
    "stream-changed": "the stream carries something else than removals need",
    "stream-mapping-destroyed": "the stream mapping is destroyed or replaced",
    "stream-mapping-disabled": "the stream is not read",
    "stream-mapping-elsewhere": "the stream is read by another function",
    "stream-mapping-filter": "other stream records than now reach the fast track",
    "stream-mapping-loses": "the mapping drops records, or repeats them, where it doesn't now",
    "stream-mapping-position": "the stream is read from another point",
    "stream-off": "the table has no stream",
    "stream-read-twice": "the stream is read by one function more",
    "sweep-elsewhere": "the minute's rule calls something else than the sweep",
    "sweep-paused": "the minute's sweep is not called",
    "table-copied": "the table is copied to another region",
    "table-destroyed": "the schedule table is destroyed or replaced",
    "table-expires": "DynamoDB deletes schedules by itself",
    "table-throttled": "the table takes no more than it is given capacity for",
    "throttling-loosened": "the API takes more requests than twice as many as now, or any number",
    "tls-only-removed": "requests without TLS are no longer denied",
    "type-unknown": "something changes that the review knows nothing of",
}

#: In the order in which dangers are told: what is lost first.
_RULES: tuple[Callable[[Plan], Iterator[Danger]], ...] = (
    loss_dangers,
    stream_dangers,
    mapping_dangers,
    reader_dangers,
    direction_dangers,
    standstill_dangers,
    shard_dangers,
    worker_dangers,
    target_dangers,
    lambda plan: guard_dangers(plan, (*WAYS, *STORES)),
    call_dangers,
    caller_dangers,
    store_dangers,
    retention_dangers,
    lifecycle_dangers,
    recovery_dangers,
    lateness_dangers,
    route_dangers,
    integration_dangers,
    authorization_dangers,
    access_dangers,
    throttling_dangers,
    encryption_dangers,
    function_dangers,
    delayer_period_dangers,
    alarm_dangers,
    stranger_dangers,
)


def find_dangers(plan: Plan) -> list[Danger]:
    """Every danger of a plan, what is lost first."""
    judged = without_what_goes_along(without_what_is_forgotten(plan))
    found = [danger for rule in _RULES for danger in rule(judged)]
    return list(dict.fromkeys([*found, *forgotten_dangers(plan)]))
