"""What Lambda imports: the settings are read and the client is made here, once, while the function starts."""

import os
import time

from aws_lambda_powertools import Logger, Metrics

from delayer.schedule_table import ScheduleTable, handover_client
from delayer.settings import load_or_exit
from task_1minute_enqueuer.handler import create_handler
from task_1minute_enqueuer.settings import Settings
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT

_SERVICE = "task-1minute-enqueuer"
_settings = load_or_exit(Settings.from_environment, os.environ)

handler = create_handler(
    _settings,
    # One more for the queries, which go on while deletes are under way.
    ScheduleTable(handover_client(CALLS_IN_FLIGHT + 1), _settings.table_name),
    time.time,
    Logger(service=_SERVICE, level="INFO"),
    Metrics(namespace=_settings.metrics_namespace, service=_SERVICE),
)
