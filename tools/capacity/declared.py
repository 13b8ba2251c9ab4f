"""The numbers of Terraform's delayer module that the model and the benchmark calculate with, read from its files."""

from __future__ import annotations

import re

from tools.project import CONFIGURATION


def _number(file: str, pattern: str) -> int:
    path = CONFIGURATION / "modules" / "delayer" / file
    found = re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"{path} must hold exactly one match of {pattern!r}, not {len(found)}")
    return int(found[0])


def _default(variable: str) -> int:
    return _number("variables.tf", rf'^variable "{variable}" \{{[^}}]*?^  default +=  *(\d+)')


DELAYER_PERIOD_SECONDS = _default("delayer_period_seconds")
HORIZON_DAYS = _default("horizon_days")
#: How many executions of the fast track read one stream shard at once: its lanes.
PARALLELIZATION_FACTOR = _default("parallelization_factor")
#: The validation of sweep_workers.
MAX_WORKERS = _number("variables.tf", r"var\.sweep_workers <= min\((\d+), var\.shard_count\)")
#: How many requests per second the API accepts, unless the environment sets `throttling`.
API_RATE_LIMIT = _number("variables.tf", r"^ +rate_limit += optional\(number, (\d+)\)")

POST_MEMORY_MB = _number("api_schedule_post.tf", r"^  memory_mb += (\d+)")
SWEEP_MEMORY_MB = _number("task_1minute_enqueuer.tf", r"^  memory_mb += (\d+)")
SWEEP_TIMEOUT_SECONDS = _number("task_1minute_enqueuer.tf", r"^  timeout_seconds += (\d+)")
FAST_TRACK_MEMORY_MB = _number("stream_dynamodb_fasttrack_enqueuer.tf", r"^  memory_mb += (\d+)")
FAST_TRACK_TIMEOUT_SECONDS = _number("stream_dynamodb_fasttrack_enqueuer.tf", r"^  timeout_seconds += (\d+)")
#: How many records one batch of the stream mapping holds at most.
BATCH_RECORDS = _number("stream_dynamodb_fasttrack_enqueuer.tf", r"^  batch_size += (\d+)")
