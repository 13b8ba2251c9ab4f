"""The entry point for Lambda: settings are read and clients are made once, when the function starts."""

import os
import time

from aws_lambda_powertools import Logger

from api_schedule_delete.handler import Handler
from api_schedule_delete.settings import Settings
from delayer.schedule_table import ScheduleTable, table_client
from delayer.settings import load_or_exit

_settings = load_or_exit(Settings.from_environment, os.environ)

handler = Handler(
    table=ScheduleTable(table_client(connections=1), _settings.table_name),
    clock=time.time,
    logger=Logger(service="api-schedule-delete", level="INFO"),
)
