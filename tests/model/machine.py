"""The state machine: actions of callers, clock, AWS and consumer, in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.model.faults import (
    ARRAY_PLANS,
    CANCEL_PLANS,
    FAST_TRACK_PLANS,
    GET_PLANS,
    POST_PLANS,
    SWEEP_PLANS,
    Plan,
)
from tests.model.managing import Items, ManagedSystem
from tests.model.system import STREAM_SHARDS, deterministic
from tests.support.memory_aws import STREAM_ARN

#: The number of steps of a run.
STEPS = 50

#: When posted schedules are due, in seconds from now.
_DUE_IN = (5, 0, -30, -61, 0.4, 60.7, 300, 839.5, 841, 895, 902.5, 960, 1_000, 1_800, 5_000)
_LARGE = '"' + "x" * 130_000 + '"'
_PAYLOADS = ("1", '"two"', '{"n": 3.10}', _LARGE)
_MANY = ((3, "0"), (12, "0"), (30, "0"), (8, _LARGE))
_KEYS = (None, None, "first", "second")
_WAITS = (0.3, 1, 7.25, 30, 60, 60, 61, 300, 840, 900, 4_000, 90_000)
_WORKERS: tuple[dict[str, int], ...] = ({}, {"worker": 0, "workers": 2}, {"worker": 1, "workers": 2})
_LEADS = (900, 899, 841, 895, 899.5, 901, 902, 1_000, 30)
#: The schedules of an array.
_ARRAYS: tuple[Items, ...] = (
    ((1_000, "1"), (1_000, "1"), (5_000, '"two"')),
    ((300, "0"), (-70, "0"), (961, "0")),
    tuple((1_000 + n % 7, "0") for n in range(30)),
    ((5, _LARGE),) * 2,
)
_CANCEL_LEADS = (961, 960, 961.2, 1_000, 900.6, 900, 902, 841)
#: Ranges of lists, in seconds from now.
_RANGES = ((-100_000, 100_000), (0, 1_000), (999, 1_003), (1_000, 1_004), (5_000, 5_001))
_SKEWS = (0.0, 1.0, -1.0, 0.5, -0.25)
#: Timeouts of an invocation in seconds. The shortest leaves one second for calls.
_TIMEOUTS = (60, 60, 20, 13)

shards = st.integers(0, STREAM_SHARDS - 1)
indices = st.integers(0, 7)


class DelayerMachine(RuleBasedStateMachine):
    """A delayer from its first post until every message has arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.system = ManagedSystem()

    @initialize(
        batch_size=st.sampled_from((100, 10, 3)),
        page_bytes=st.sampled_from((1_048_576, 120)),
        skew=st.sampled_from(_SKEWS),
    )
    def begin(self, batch_size: int, page_bytes: int, skew: float) -> None:
        """Start with an empty delayer."""
        self.system = ManagedSystem(batch_size=batch_size, page_bytes=page_bytes)
        self.system.skews["fast track"] = skew

    @rule(
        due_in=st.sampled_from(_DUE_IN),
        payload=st.sampled_from(_PAYLOADS),
        key=st.sampled_from(_KEYS),
        plan=st.sampled_from(POST_PLANS),
    )
    def post(self, due_in: float, payload: str, key: str | None, plan: Plan) -> None:
        """Post a schedule."""
        self.system.post(due_in, payload, key, plan)

    @rule(due_in=st.sampled_from(_DUE_IN), many=st.sampled_from(_MANY))
    def post_many(self, due_in: float, many: tuple[int, str]) -> None:
        """Post many schedules for the same second."""
        size, payload = many
        for _ in range(size):
            self.system.post(due_in, payload, None, ())

    @rule(index=indices, is_swept=st.booleans(), another=st.sampled_from((None, None, "4")))
    def post_again(self, index: int, is_swept: bool, another: str | None) -> None:  # noqa: FBT001
        """Repeat a request with an idempotency key, perhaps between two sweeps, or with another payload."""
        requests = list(self.system.requests)
        if requests:
            key, payload, instant = requests[index % len(requests)]
            if is_swept:
                self.system.tick({})
            self.system.post_at(instant, another or payload, key)
            if is_swept:
                self.system.tick({})

    @rule(seconds=st.sampled_from(_WAITS))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.system.pass_time(seconds)

    @rule(event=st.sampled_from(_WORKERS), plan=st.sampled_from(SWEEP_PLANS), timeout=st.sampled_from(_TIMEOUTS))
    def tick(self, event: dict[str, int], plan: Plan, timeout: float) -> None:
        """Run a sweep."""
        self.system.tick(event, plan, timeout)

    @rule()
    def tick_well(self) -> None:
        """Run a sweep without faults."""
        self.system.tick({})

    @rule(
        shard=shards,
        plan=st.sampled_from(FAST_TRACK_PLANS),
        timeout=st.sampled_from(_TIMEOUTS),
        is_answer_lost=st.sampled_from((False, False, True)),
    )
    def deliver(self, shard: int, plan: Plan, timeout: float, is_answer_lost: bool) -> None:  # noqa: FBT001
        """Deliver a batch of a stream shard to the fast track. If there is none, make one of new schedules."""
        if self.system.is_read(shard):
            shard = STREAM_SHARDS - 1 - shard
        if self.system.is_read(shard):
            self.system.corrupt(200)
            for _ in range(4):
                self.system.post(300.5, "0", None, ())
            self.system.tick({})
        self.system.deliver(shard, plan, timeout, is_answer_lost=is_answer_lost)

    @rule()
    def deliver_well(self) -> None:
        """Deliver a batch of every stream shard to the fast track, without faults."""
        for shard in range(STREAM_SHARDS):
            self.system.deliver(shard)

    @rule(
        items=st.sampled_from(_ARRAYS),
        key=st.sampled_from(_KEYS),
        plan=st.sampled_from(ARRAY_PLANS),
        is_repeated=st.booleans(),
    )
    def post_array(self, items: Items, key: str | None, plan: Plan, is_repeated: bool) -> None:  # noqa: FBT001
        """Post several schedules in one request, and perhaps an array with a key again."""
        self.system.post_array(items, key, plan)
        if is_repeated:
            self.system.post_array_again(0)

    @rule(index=indices, plan=st.sampled_from(CANCEL_PLANS), is_missing=st.booleans())
    def cancel(self, index: int, plan: Plan, is_missing: bool) -> None:  # noqa: FBT001
        """Cancel a schedule."""
        self.system.cancel(index, plan, is_missing=is_missing)

    @rule(lead=st.sampled_from(_CANCEL_LEADS), plan=st.sampled_from(CANCEL_PLANS), skew=st.sampled_from(_SKEWS))
    def cancel_ahead(self, lead: float, plan: Plan, skew: float) -> None:
        """Cancel a schedule close to the leads that decide."""
        self.system.skews["delete"] = skew
        self.system.post(lead + 5, "0", None, ())
        self.system.cancel_ahead(lead, plan)
        self.deliver_well()

    @rule(index=indices, plan=st.sampled_from(GET_PLANS))
    def look_up(self, index: int, plan: Plan) -> None:
        """Read one schedule."""
        self.system.look_up(index, plan)

    @rule(
        of=st.sampled_from(_RANGES),
        limit=st.sampled_from((1, 2, 3, 100)),
        has_twins=st.booleans(),
        between=st.sampled_from((None, "posted", "cancelled")),
    )
    def walk(self, of: tuple[int, int], limit: int, has_twins: bool, between: str | None) -> None:  # noqa: FBT001
        """List schedules page by page, while others come or go."""
        if has_twins:
            self.system.write_twins(1_001)
        actions: dict[str | None, Callable[[], None]] = {
            None: lambda: None,
            "posted": lambda: self.system.post(1_001, "0", None, ()),
            "cancelled": lambda: self.system.cancel(1, ()),
        }
        self.system.walk(*of, limit, actions[between])

    @rule(index=indices)
    def remove(self, index: int) -> None:
        """Delete a record, as a user with access to the table may."""
        self.system.remove(index)

    @rule(lead=st.sampled_from(_LEADS), is_delivered=st.booleans(), skew=st.sampled_from(_SKEWS))
    def remove_ahead(self, lead: float, is_delivered: bool, skew: float) -> None:  # noqa: FBT001
        """Delete a record close to the lead that separates hand-overs from cancellations."""
        self.system.skews["fast track"] = skew
        self.system.post(lead + 5, "0", None, ())
        self.system.remove_ahead(lead)
        if is_delivered:
            self.deliver_well()

    @rule(due_in=st.sampled_from((10, 1_000, -5)))
    def corrupt(self, due_in: int) -> None:
        """Write a record without a payload, as a user with access to the table may."""
        self.system.corrupt(due_in)

    @rule(is_crashing=st.booleans())
    def consume(self, is_crashing: bool) -> None:  # noqa: FBT001
        """Let the consumer receive messages. It may crash before it deletes them."""
        self.system.consume(is_crashing=is_crashing)

    @rule(stream_arn=st.sampled_from((STREAM_ARN, None, STREAM_ARN + "Z")))
    def replace_table(self, stream_arn: str | None) -> None:
        """Restore the table from a backup, or repair its stream."""
        self.system.replace_table(stream_arn)

    @rule(
        post=st.sampled_from(_SKEWS),
        delete=st.sampled_from(_SKEWS),
        sweep=st.sampled_from(_SKEWS),
        fast_track=st.sampled_from(_SKEWS),
    )
    def set_clocks(self, post: float, delete: float, sweep: float, fast_track: float) -> None:
        """Set the functions' clocks, which differ by up to 2 s."""
        self.system.skews.update({"post": post, "delete": delete, "sweep": sweep, "fast track": fast_track})

    @invariant()
    def holds(self) -> None:
        """Check the invariants after every step."""
        self.steps += 1
        self.system.check()

    def teardown(self) -> None:
        """End the faults, and check that every message arrives."""
        if not self.system.violations:
            self.system.settle()
            self.system.check()
        Tally.runs += 1
        Tally.whole_runs += self.steps > STEPS  # begin() is not a step


class Tally:
    """The number of runs in this process. Whole runs have all of their steps."""

    runs: ClassVar[int] = 0
    whole_runs: ClassVar[int] = 0


def run(runs: int, seed_number: int, *, is_shrinking: bool = True) -> None:
    """Run the machine. An error has the steps of the simplest failing run in its notes."""
    phases = (Phase.generate, Phase.shrink) if is_shrinking else (Phase.generate,)
    configuration = settings(
        max_examples=runs,
        stateful_step_count=STEPS + 1,  # and begin()
        deadline=None,
        database=None,
        derandomize=False,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    seed(seed_number)(DelayerMachine)
    with deterministic():
        run_state_machine_as_test(DelayerMachine, settings=configuration, _min_steps=STEPS)
