"""The entry point for Lambda: settings are read and clients are made once, when the function starts."""

import os
import time

from aws_lambda_powertools import Logger

from api_schedule_get.handler import Handler
from api_schedule_get.settings import Settings
from delayer.listing import READS_IN_FLIGHT
from delayer.schedule_table import ScheduleTable, table_client
from delayer.settings import load_or_exit

_settings = load_or_exit(Settings.from_environment, os.environ)

handler = Handler(
    settings=_settings,
    table=ScheduleTable(table_client(READS_IN_FLIGHT), _settings.table_name),
    clock=time.time,
    logger=Logger(service="api-schedule-get", level="INFO"),
)
