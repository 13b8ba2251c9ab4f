"""The numbers of Terraform's delayer module that the model and the benchmark calculate with, read from its files."""

import re

from tools.project import CONFIGURATION


def _number(pattern: str, file: str = "variables.tf") -> int:
    """Return the one number that the pattern finds. Raises ValueError if it finds another number of them."""
    text = (CONFIGURATION / "modules" / "delayer" / file).read_text(encoding="utf-8")
    [number] = re.findall(pattern, text, re.MULTILINE)
    return int(number)


def _default(variable: str) -> int:
    return _number(rf'^variable "{variable}" \{{[^}}]*?^  default +=  *(\d+)')


def _setting(name: str, package: str) -> int:
    return _number(rf"^  {name} += (\d+)", f"{package}.tf")


DELAYER_PERIOD_SECONDS = _default("delayer_period_seconds")
HORIZON_DAYS = _default("horizon_days")
#: How many executions of the fast track read one stream shard at once: its lanes.
PARALLELIZATION_FACTOR = _default("parallelization_factor")
#: The validation of sweep_workers.
MAX_WORKERS = _number(r"var\.sweep_workers <= min\((\d+), var\.shard_count\)")
#: How many requests per second the API accepts, unless the environment sets `throttling`.
API_RATE_LIMIT = _number(r"^ +rate_limit += optional\(number, (\d+)\)")

POST_MEMORY_MB = _setting("memory_mb", "api_schedule_post")
SWEEP_MEMORY_MB = _setting("memory_mb", "task_1minute_enqueuer")
SWEEP_TIMEOUT_SECONDS = _setting("timeout_seconds", "task_1minute_enqueuer")
FAST_TRACK_MEMORY_MB = _setting("memory_mb", "stream_dynamodb_fasttrack_enqueuer")
FAST_TRACK_TIMEOUT_SECONDS = _setting("timeout_seconds", "stream_dynamodb_fasttrack_enqueuer")
#: How many records one batch of the stream mapping holds at most.
BATCH_RECORDS = _setting("batch_size", "stream_dynamodb_fasttrack_enqueuer")
