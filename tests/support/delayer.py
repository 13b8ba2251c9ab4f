"""The whole delayer on moto, in one process and with one clock, for the tests of the handlers."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from api_schedule_delete.handler import Handler as DeleteHandler
from api_schedule_get.handler import Handler as GetHandler
from api_schedule_get.settings import Settings as GetSettings
from api_schedule_post.handler import Handler as PostHandler
from api_schedule_post.request import CALLS_IN_FLIGHT as POST_CALLS_IN_FLIGHT
from api_schedule_post.settings import Settings as PostSettings
from delayer.delayer_queue import DelayerQueue, queue_client
from delayer.listing import READS_IN_FLIGHT
from delayer.schedule_table import ScheduleTable, posting_client, table_client
from delayer.schedules import Schedule, due_key
from stream_dynamodb_fasttrack_enqueuer.failure_bucket import FailureBucket
from stream_dynamodb_fasttrack_enqueuer.handler import Handler as FastTrackHandler
from stream_dynamodb_fasttrack_enqueuer.settings import Settings as FastTrackSettings
from task_1minute_enqueuer.handler import Handler as SweepHandler
from task_1minute_enqueuer.settings import Settings as SweepSettings
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT
from tests.support.clock import Clock, lambda_context
from tests.support.described import check_described
from tests.support.http_events import http_event, list_event, schedule_event
from tests.support.stream_driver import StreamMapping
from tests.support.stream_records import StreamReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb.type_defs import StreamSpecificationTypeDef
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from tests.support.calls import Calls

DELAYER_PERIOD = 840
SHARDS = 4
NAMESPACE = "Delayer"
TABLE = "schedules"
BUCKET = "failures"
_STREAM: StreamSpecificationTypeDef = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
_SERVICES = ("api-schedule-post", "task-1minute-enqueuer", "stream-dynamodb-fasttrack_enqueuer", "api-schedule-get",
             "api-schedule-delete")  # fmt: skip


class _StandardOutput(io.StringIO):
    """Writes to the current standard output, because loggers live longer than pytest's capture of a test."""

    def write(self, text: str) -> int:
        """Write a log line."""
        return sys.stdout.write(text)


def forget_metrics() -> None:
    """Clear the metrics that Powertools keeps in the class, as in a new process."""
    for kept in (Metrics._metrics, Metrics._dimensions, Metrics._metadata, Metrics._default_dimensions):  # noqa: SLF001
        kept.clear()


class Clients:
    """The clients of the tests and of the functions."""

    def __init__(self) -> None:
        self.dynamodb = boto3.client("dynamodb")
        self.sqs = boto3.client("sqs")
        self.s3 = boto3.client("s3")
        # moto supports the streams endpoint of a region, but not of an account.
        self.streams = boto3.client("dynamodbstreams", config=Config(account_id_endpoint_mode="disabled"))
        self.posting = posting_client(POST_CALLS_IN_FLIGHT)
        self.sweeping = table_client(CALLS_IN_FLIGHT + 1)
        self.handing_over = table_client(connections=1)
        self.reading = table_client(READS_IN_FLIGHT)
        self.sending = queue_client()


class Delayer:
    """Table, queue and bucket on moto, and the three handlers, built as in `main` but with the test's clock."""

    def __init__(self, clients: Clients, clock: Clock, calls: Calls) -> None:
        self.clock = clock
        self.calls = calls
        self.dynamodb, self.sqs, self.s3 = clients.dynamodb, clients.sqs, clients.s3
        self.stream_arn = self._create_table(_STREAM)
        self.queue_url = self.sqs.create_queue(QueueName="delayer")["QueueUrl"]
        self.s3.create_bucket(Bucket=BUCKET)
        self._stream = StreamReader(self.stream_arn, clients.streams)
        self._written = 0
        self._post = PostHandler(
            settings=PostSettings(3_650 * 86_400, NAMESPACE, SHARDS, TABLE),
            table=ScheduleTable(clients.posting, TABLE, clock.wait),
            clock=clock,
            logger=_logger(_SERVICES[0]),
            metrics=Metrics(namespace=NAMESPACE, service=_SERVICES[0]),
        )
        self._sweep = SweepHandler(
            settings=SweepSettings(DELAYER_PERIOD, NAMESPACE, SHARDS, self.stream_arn, TABLE),
            table=ScheduleTable(clients.sweeping, TABLE, clock.wait),
            clock=clock,
            logger=_logger(_SERVICES[1]),
            metrics=Metrics(namespace=NAMESPACE, service=_SERVICES[1]),
        )
        self._fast_track = FastTrackHandler(
            settings=FastTrackSettings(DELAYER_PERIOD, BUCKET, NAMESPACE, self.queue_url, TABLE),
            table=ScheduleTable(clients.handing_over, TABLE, clock.wait),
            queue=DelayerQueue(clients.sending, self.queue_url, clock, clock.wait),
            failures=FailureBucket(BUCKET, clock.wait),
            clock=clock,
            logger=_logger(_SERVICES[2]),
            metrics=Metrics(namespace=NAMESPACE, service=_SERVICES[2]),
        )

        self._get = GetHandler(
            settings=GetSettings(DELAYER_PERIOD, SHARDS, TABLE),
            table=ScheduleTable(clients.reading, TABLE, clock.wait),
            clock=clock,
            logger=_logger(_SERVICES[3]),
        )
        self._delete = DeleteHandler(
            table=ScheduleTable(clients.handing_over, TABLE, clock.wait), clock=clock, logger=_logger(_SERVICES[4])
        )

    # Invocations.

    def post(self, body: str | bytes | None, headers: dict[str, str] | None = None, **event: Any) -> dict[str, Any]:
        """Call POST /schedules with a body, and return the response."""
        return self.handle_post(http_event(body, headers, **event))

    def handle_post(self, event: dict[str, Any]) -> dict[str, Any]:
        """Call the post function with an event, and return the response."""
        return self._answer("POST /schedules", self._post, event)

    def get(self, schedule_id: str) -> dict[str, Any]:
        """Call GET /schedules/{scheduleId}, and return the response."""
        return self._answer("GET /schedules/{scheduleId}", self._get, schedule_event("GET", schedule_id))

    def list_page(self, query: str = "") -> dict[str, Any]:
        """Call GET /schedules with a query string, and return the response."""
        return self._answer("GET /schedules", self._get, list_event(query))

    def cancel(self, schedule_id: str) -> dict[str, Any]:
        """Call DELETE /schedules/{scheduleId}, and return the response."""
        return self._answer("DELETE /schedules/{scheduleId}", self._delete, schedule_event("DELETE", schedule_id))

    def _answer(
        self, route: str, function: Callable[[dict[str, Any], LambdaContext], dict[str, Any]], event: dict[str, Any]
    ) -> dict[str, Any]:
        with self.calls.watching():
            return check_described(route, function(event, lambda_context(self.clock, 25)))

    def sweep(self, event: dict[str, Any] | None = None, seconds: float = 60) -> None:
        """Call the sweep, with a timeout in seconds."""
        with self.calls.watching():
            self._sweep({} if event is None else event, lambda_context(self.clock, seconds))

    def fast_track(self, event: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """Call the fast track with an event and a timeout in seconds, and return its answer."""
        with self.calls.watching():
            return self._fast_track(event, lambda_context(self.clock, seconds))

    def mapping(self, **options: Any) -> StreamMapping:
        """Return a stream mapping that calls the fast track."""
        return StreamMapping(self.fast_track, self.clock, **options)

    def run_stream(self) -> StreamMapping:
        """Deliver the table's stream to the fast track until it is empty, and return the mapping."""
        mapping = self.mapping()
        while records := self._stream.read():
            mapping.deliver(records)
        return mapping

    def read_stream(self) -> list[dict[str, Any]]:
        """Return the stream records since the last read."""
        return self._stream.read()

    # State.

    def schedule(self, due_in: float, payload: str = "{}", shard: int | None = None) -> Schedule:
        """Return a new schedule that is due in this many seconds, rounded down."""
        self._written += 1
        in_shard = self._written % SHARDS if shard is None else shard
        return Schedule(in_shard, due_key(int(self.clock() + due_in), f"n{self._written}"), payload)

    def store(self, *schedules: Schedule) -> None:
        """Put schedules into the table."""
        for schedule in schedules:
            self.dynamodb.put_item(
                TableName=TABLE,
                Item={
                    "shard": {"N": str(schedule.shard)},
                    "due": {"S": schedule.due},
                    "payload": {"S": schedule.payload},
                },
            )

    def records(self) -> list[dict[str, Any]]:
        """Return all records of the table."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=TABLE)
        return [item for page in pages for item in page["Items"]]

    def stored_ids(self) -> set[str]:
        """Return the scheduleIds of all records of the table."""
        return {Schedule(int(r["shard"]["N"]), r["due"]["S"], "").schedule_id for r in self.records()}

    def receive(self) -> list[MessageTypeDef]:
        """Receive and delete all messages that are visible now, and return them."""
        received: list[MessageTypeDef] = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            received += messages
        return received

    def sent(self) -> list[dict[str, Any]]:
        """Return the entries of every SendMessageBatch so far, whether accepted or not."""
        return [entry for call in self.calls.of("SendMessageBatch") for entry in call["Entries"]]

    def failure_documents(self) -> list[str]:
        """Return the text of all objects in the failure bucket."""
        keys = [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        return [self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys]

    def restore_table(self, *, with_stream: bool) -> None:
        """Replace the table as a restore from a backup does: without a stream, or with another one."""
        records = self.records()
        self.dynamodb.delete_table(TableName=TABLE)
        self.clock.wait(1)  # a stream's label is its time of creation
        self._create_table(_STREAM if with_stream else {"StreamEnabled": False})
        for record in records:
            self.dynamodb.put_item(TableName=TABLE, Item=record)

    def _create_table(self, stream: StreamSpecificationTypeDef) -> str:
        created = self.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "shard", "AttributeType": "N"},
                {"AttributeName": "due", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "shard", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}],
            StreamSpecification=stream,
        )
        return created["TableDescription"].get("LatestStreamArn", "")


def _logger(service: str) -> Logger:
    logger = Logger(service=service)
    # A test that imported the function's `main` may have left a logger with this name and its own handler.
    for handler in logging.getLogger(service).handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(_StandardOutput())
    return logger


def ids(schedules: Iterable[Schedule]) -> set[str]:
    """Return the scheduleIds of these schedules."""
    return {schedule.schedule_id for schedule in schedules}
