"""The entry point for Lambda: settings are read and clients are made once, when the function starts."""

import os
import time

from aws_lambda_powertools import Logger, Metrics

from api_schedule_post.handler import Handler
from api_schedule_post.request import CALLS_IN_FLIGHT
from api_schedule_post.settings import Settings
from delayer.schedule_table import ScheduleTable, posting_client
from delayer.settings import load_or_exit

_SERVICE = "api-schedule-post"
_settings = load_or_exit(Settings.from_environment, os.environ)

handler = Handler(
    settings=_settings,
    table=ScheduleTable(posting_client(CALLS_IN_FLIGHT), _settings.table_name),
    clock=time.time,
    logger=Logger(service=_SERVICE, level="INFO"),
    metrics=Metrics(namespace=_settings.metrics_namespace, service=_SERVICE),
)
