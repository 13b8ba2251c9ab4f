"""make status reads and shows one environment, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from rich.console import Console

from tests.support.moto_environment import HOUR, NOW, THIS_HOUR, Functions, moto_environment, store
from tools.operate.environment import Environment
from tools.operate.last_hour import LastHour
from tools.operate.pending import Pending
from tools.operate.status import Executions, Status, read_executions, read_status, show
from tools.project import FAST_TRACK, POST, SWEEP

ENOUGH = Executions(1_000, 19)
EMPTY = {"Delayed": 0, "": 0, "NotVisible": 0}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Return an environment on moto."""
    with moto_environment(monkeypatch) as environment:
        yield environment


class Streams:
    """Stands in for DynamoDB Streams' client: a stream with so many open shards, and as many closed ones."""

    def __init__(self, open_shards: int) -> None:
        pair = [{"StartingSequenceNumber": "1"}, {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"}]
        self._shards = [{"SequenceNumberRange": numbers} for numbers in pair * open_shards]

    def describe_stream(self, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803 -- AWS's
        """Return a page of three shards."""
        assert StreamArn == "stream"
        number = int(ExclusiveStartShardId) if ExclusiveStartShardId else 0
        page: dict[str, Any] = {"Shards": self._shards[number : number + 3]}
        if number + 3 < len(self._shards):
            page |= {"LastEvaluatedShardId": f"{number + 3}"}
        return {"StreamDescription": page}


def quiet() -> Console:
    """Return a console that prints to a string."""
    return Console(file=StringIO(), width=200)


def printed(found: Status) -> list[str]:
    """Return the lines of a status."""
    console = Console(file=StringIO(), width=120)
    show(found, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def line(lines: list[str], start: str) -> str:
    """Return the one line whose first cell is this."""
    (found,) = [text for text in lines if text.strip("│ ").startswith(start)]
    return found


class TestRead:
    """AWS is asked only to read."""

    def test_messages_and_failures_are_counted(self, environment: Environment) -> None:
        """Messages are counted by where they are, and objects of the failure bucket whatever their key."""
        sqs = boto3.client("sqs")
        for url, delay in (("delayer_queue_url", 0), ("delayer_queue_url", 900), ("delayer_dead_letter_queue_url", 0)):
            sqs.send_message(QueueUrl=environment.outputs[url], MessageBody="{}", DelaySeconds=delay)
        sqs.send_message(QueueUrl=environment.outputs["delayer_queue_url"], MessageBody="{}")
        sqs.receive_message(QueueUrl=environment.outputs["delayer_queue_url"], MaxNumberOfMessages=1)
        for key in ("fasttrack/1.json", "aws/lambda/2"):
            boto3.client("s3").put_object(Bucket="failures", Key=key, Body=b"{}")
        found = read_status(environment, NOW, quiet())
        assert found.messages == {"": 1, "Delayed": 1, "NotVisible": 1}
        assert (found.dead_letters, found.failures, found.mapping) == (1, 2, "Disabled")

    def test_no_call_changes_or_scans(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        """The table is never read as a whole."""
        made: set[str] = set()
        make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

        def watched(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            made.add(operation)
            return make_call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", watched)
        read_status(environment, NOW, quiet())
        assert made == {
            "DescribeStream", "DescribeTable", "GetMetricData", "GetQueueAttributes", "ListObjectsV2", "Query",
        }  # fmt: skip

    def test_cost_is_printed_beforehand(self, environment: Environment) -> None:
        """It follows from the table's size."""
        store(0, *[NOW + 60] * 30)
        console = quiet()
        read_status(environment, NOW, console)
        assert isinstance(console.file, StringIO)
        assert re.fullmatch(
            r"Querying 3 shards\. .* 30 schedules in [0-9,]+ bytes: about [0-9,]+ read units\.\n",
            console.file.getvalue(),
        )


class TestExecutions:
    """The account's concurrency is compared with the environment's need."""

    def read(
        self, functions: Functions, *, open_shards: int = 4, workers: int = 1, shard_count: int = 16, factor: int = 2
    ) -> Executions | str:
        """Return the executions of an environment on these stand-ins."""
        clients = {"lambda": functions, "dynamodbstreams": Streams(open_shards)}
        outputs = {"function_names": {name: name for name in (FAST_TRACK, POST, SWEEP)}, "sweep_workers": workers}
        mapping = {"EventSourceArn": "stream", "ParallelizationFactor": factor}
        return read_executions(Environment("dev", outputs, clients.__getitem__), mapping, shard_count)

    @pytest.mark.parametrize(("unreserved", "are_enough"), [(18, False), (19, True)])
    def test_need_is_lanes_sweeps_and_posts(self, unreserved: int, are_enough: bool) -> None:  # noqa: FBT001
        """Four open stream shards of two lanes, a worker, and ten posts at once: 19 are enough, one fewer is not."""
        found = self.read(Functions(unreserved))
        assert found == Executions(unreserved, 19)
        assert found.are_enough is are_enough

    @pytest.mark.parametrize(
        ("environment", "needed"),
        [
            ({"factor": 10}, 51),
            ({"workers": 5}, 23),
            ({"open_shards": 9}, 29),
            ({"open_shards": 9, "shard_count": 1}, 13),
        ],
    )
    def test_need_follows_the_environment(self, environment: dict[str, int], needed: int) -> None:
        """More lanes, workers or stream shards take more; a stream shard without a table shard takes none."""
        assert self.read(Functions(), **environment) == Executions(1_000, needed)

    def test_reserved_functions_take_none_of_the_others(self) -> None:
        """A function that reserves executions gets these and no more, whatever else the account leaves."""
        assert self.read(Functions(9, {POST: 5})) == Executions(9, 9)
        assert self.read(Functions(0, {POST: 5, SWEEP: 1, FAST_TRACK: 8})) == Executions(0, 0)

    def test_refused_call_is_named(self) -> None:
        """Without the permission, the call and AWS's reason take the place of the numbers."""
        assert self.read(Functions(None)) == "GetAccountSettings failed: AccessDeniedException"

    def test_refused_call_leaves_the_rest_of_the_status(self, environment: Environment) -> None:
        """The executions are shown as not checked."""
        clients = {"lambda": Functions(None)}
        refused = Environment(
            "dev", environment.outputs, lambda service: clients.get(service) or environment.client(service)
        )
        found = read_status(refused, NOW, quiet())
        assert found.mapping == "Disabled"
        shown = line(printed(found), "executions")
        assert "not checked" in shown
        assert "GetAccountSettings failed: AccessDeniedException" in shown

    def test_unknown_call_is_named(self, environment: Environment) -> None:
        """An emulator may lack calls: moto has no account settings, and no function of ours."""
        mapping = Functions().list_event_source_mappings()["EventSourceMappings"][0]
        emulated = Environment("local", environment.outputs, boto3.client)  # type: ignore[arg-type]
        assert re.fullmatch(r"\w+ failed: \w+", str(read_executions(emulated, mapping, 3)))

    def test_missing_mapping_has_no_executions(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        """There are no lanes to count then; the rest is shown."""
        monkeypatch.setattr(Functions, "list_event_source_mappings", lambda _, **__: {"EventSourceMappings": []})
        found = read_status(environment, NOW, quiet())
        assert (found.mapping, found.executions) == ("missing", "there is no stream mapping")

    def test_status_has_the_executions(self, environment: Environment) -> None:
        """One open shard of two lanes, one sweep and ten posts."""
        assert read_status(environment, NOW, quiet()).executions == Executions(1_000, 13)


class TestShown:
    """The status has a line for each figure."""

    @pytest.mark.parametrize(("available", "is_warned"), [(18, True), (19, False)])
    def test_too_few_executions_are_explained(self, available: int, is_warned: bool) -> None:  # noqa: FBT001
        """The sentence has what happens under load and what to do; with enough there is none."""
        found = Status("dev", NOW, Pending(), EMPTY, 0, 0, "Enabled", Executions(available, 19), LastHour())
        lines = printed(found)
        assert f"{available}" in line(lines, "executions")
        assert "can take 19" in line(lines, "executions")
        text = " ".join(" ".join(lines).split())
        said = "With fewer than 19 concurrent executions Lambda throttles the functions under load: posts fail with a"
        assert (said in text) is is_warned
        assert ("docs/operations/deploying.md" in text) is is_warned

    def test_healthy_environment_has_every_figure(self) -> None:
        """Thousands are separated, and the last line is the cost."""
        pending = Pending(read_units=12.5, later=1_234_567)
        pending.by_shard.update({0: 1_234_567, 1: 2})
        pending.by_hour.update({THIS_HOUR + HOUR: 2})
        hour = LastHour(last_sweep=NOW - 42, last_swept=3, swept=50, left=0, enqueued=1_000, least_lead=9.25)
        lines = printed(
            Status("prod", NOW, pending, {"Delayed": 5, "": 6, "NotVisible": 7}, 0, 0, "Enabled", ENOUGH, hour)
        )
        assert lines[0].startswith("prod at 2026-11-22 09:30:00 UTC")
        assert "1,234,569" in line(lines, "pending  ")
        assert "42 s ago" in line(lines, "last sweep")
        assert "1,000" in line(lines, "enqueued")
        assert "2" in line(lines, "2026-11-22 10:00")
        assert "1,234,567" in line(lines, "later")
        assert "0: 1,234,567" in line(lines, "0: ")
        assert lines[-1] == "Counting took 12.5 read units."

    def test_new_environment_has_no_figures(self) -> None:
        """Nothing has run in it yet."""
        lines = printed(Status("dev", NOW, Pending(), EMPTY, 0, 0, "Enabled", ENOUGH, LastHour()))
        assert "none" in line(lines, "last sweep")
        assert not [text for text in lines if "least lead" in text]

    def test_trouble_is_red(self) -> None:
        """Overdue, dead and late ones are, and a mapping that is not enabled."""
        hour = LastHour(last_sweep=NOW - 600, late=4, worst_lateness=80.04)
        console = Console(file=StringIO(), width=120, force_terminal=True, color_system="standard")
        show(Status("dev", NOW, Pending(overdue=1), EMPTY, 2, 3, "Disabled", Executions(18, 19), hour), console)
        assert isinstance(console.file, StringIO)
        red = {text for text in console.file.getvalue().splitlines() if "\x1b[1;31m" in text}
        for name in ("overdue", "dead letters", "failures", "stream mapping", "executions", "last sweep", "late"):
            assert any(name in text for text in red), name
        assert not any("visible" in text for text in red)
