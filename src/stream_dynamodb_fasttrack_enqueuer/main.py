"""The entry point for Lambda: settings are read and clients are made once, when the function starts."""

import os
import time

from aws_lambda_powertools import Logger, Metrics

from delayer.delayer_queue import DelayerQueue, queue_client
from delayer.schedule_table import ScheduleTable, table_client
from delayer.settings import load_or_exit
from stream_dynamodb_fasttrack_enqueuer.failure_bucket import FailureBucket
from stream_dynamodb_fasttrack_enqueuer.handler import Handler
from stream_dynamodb_fasttrack_enqueuer.settings import Settings

_SERVICE = "stream-dynamodb-fasttrack_enqueuer"
_settings = load_or_exit(Settings.from_environment, os.environ)

handler = Handler(
    settings=_settings,
    table=ScheduleTable(table_client(connections=1), _settings.table_name),
    queue=DelayerQueue(queue_client(), _settings.queue_url, time.time),
    failures=FailureBucket(_settings.failure_bucket_name),
    clock=time.time,
    logger=Logger(service=_SERVICE, level="INFO"),
    metrics=Metrics(namespace=_settings.metrics_namespace, service=_SERVICE),
)
