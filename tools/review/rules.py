"""Find every danger of a plan: the rules, in the order in which a review names dangers.

A rule judges a value that is known only after the apply like a changed one, because it may be anything. It compares a
sensitive value, and never shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tools.review.access import access_dangers
from tools.review.alarms import alarm_dangers
from tools.review.api import integration_dangers, route_dangers, throttling_dangers
from tools.review.authorization import authorization_dangers
from tools.review.callers import call_dangers, caller_dangers
from tools.review.danger import Danger
from tools.review.encryption import encryption_dangers
from tools.review.functions import function_dangers, lateness_dangers, setting_dangers, standstill_dangers
from tools.review.guards import guard_dangers
from tools.review.inventory import forgotten_dangers, keep_forgotten, store_dangers, stranger_dangers
from tools.review.losses import drop_parts_of_destroyed, loss_dangers
from tools.review.plan import Plan
from tools.review.retention import lifecycle_dangers, recovery_dangers, retention_dangers
from tools.review.stream import mapping_dangers, reader_dangers, stream_dangers
from tools.review.sweep import delayer_period_dangers, shard_dangers, target_dangers, worker_dangers

__all__ = ["find_dangers"]

#: Losses come first.
_RULES: tuple[Callable[[Plan], Iterator[Danger]], ...] = (
    loss_dangers,
    stream_dangers,
    mapping_dangers,
    reader_dangers,
    setting_dangers,
    standstill_dangers,
    shard_dangers,
    worker_dangers,
    target_dangers,
    guard_dangers,
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
    """Return every danger of a plan once, losses first."""
    judged = drop_parts_of_destroyed(keep_forgotten(plan))
    found = [danger for rule in _RULES for danger in rule(judged)]
    return list(dict.fromkeys([*found, *forgotten_dangers(plan)]))
