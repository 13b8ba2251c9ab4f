"""The entry point for Lambda: settings are read and clients are made once, when the function starts."""

import os
import time

from aws_lambda_powertools import Logger, Metrics

from delayer.schedule_table import ScheduleTable, table_client
from delayer.settings import load_or_exit
from task_1minute_enqueuer.handler import Handler
from task_1minute_enqueuer.settings import Settings
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT

_SERVICE = "task-1minute-enqueuer"
_settings = load_or_exit(Settings.from_environment, os.environ)

handler = Handler(
    settings=_settings,
    # One more connection for the queries, which run while deletes are in flight.
    table=ScheduleTable(table_client(CALLS_IN_FLIGHT + 1), _settings.table_name),
    clock=time.time,
    logger=Logger(service=_SERVICE, level="INFO"),
    metrics=Metrics(namespace=_settings.metrics_namespace, service=_SERVICE),
)
