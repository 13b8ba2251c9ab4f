"""A consumer of the delayer's queue: each message is handled once, and one that fails does not repeat the others."""

import json
import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

#: No message lives longer than this, so no repetition comes later.
_DONE_SECONDS = 14 * 24 * 60 * 60

_logger = Logger(service="order-reminders", level="INFO")
_processor = BatchProcessor(event_type=EventType.SQS)
_done = DynamoDBPersistenceLayer(table_name=os.environ["DONE_TABLE_NAME"])
_once = IdempotencyConfig(event_key_jmespath="scheduleId", expires_after_seconds=_DONE_SECONDS)


@idempotent_function(data_keyword_argument="schedule", persistence_store=_done, config=_once)
def remind(*, schedule: dict[str, Any]) -> None:
    """Do the work of one schedule: put yours here. An exception brings the message again."""
    _logger.info("reminded", order=schedule["payload"]["order"], schedule_id=schedule["scheduleId"])


def _handle(record: SQSRecord) -> None:
    remind(schedule=json.loads(record.body))


def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Handle up to ten messages, and name those that failed: SQS brings only these again."""
    _once.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=_handle, processor=_processor, context=context)
