"""What Lambda imports: the settings are read and the client is made here, once, while the function starts."""

import os
import time

from aws_lambda_powertools import Logger, Metrics

from api_schedule_post.handler import create_handler
from api_schedule_post.settings import Settings
from delayer.schedule_table import ScheduleTable, posting_client
from delayer.settings import load_or_exit

_SERVICE = "api-schedule-post"
_settings = load_or_exit(Settings.from_environment, os.environ)

handler = create_handler(
    _settings,
    ScheduleTable(posting_client(), _settings.table_name),
    time.time,
    Logger(service=_SERVICE, level="INFO"),
    Metrics(namespace=_settings.metrics_namespace, service=_SERVICE),
)
