"""The functions as they are deployed: their zips, unpacked, and the environment that Terraform gives them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

from bench.canned_aws import STREAM_ARN, TABLE
from tools.capacity.declared import DELAYER_PERIOD_SECONDS
from tools.processes import bare_environment

__all__ = ["FAST_TRACK", "FUNCTIONS", "POST", "PYTHON", "ROOT", "SWEEP", "Function", "environment", "unpack"]

ROOT = Path(__file__).parents[1]

#: Not an environment's: what Lambda has is Python and the zip.
PYTHON = str(Path(sys.executable).resolve())


class Function(NamedTuple):
    """A function's name, and the package that is its own."""

    name: str
    package: str

    @property
    def zip_path(self) -> Path:
        """What `make package` builds."""
        return ROOT / "build" / "dist" / f"{self.name}.zip"


POST = Function("api-schedule-post", "api_schedule_post")
SWEEP = Function("task-1minute-enqueuer", "task_1minute_enqueuer")
FAST_TRACK = Function("stream-dynamodb-fasttrack_enqueuer", "stream_dynamodb_fasttrack_enqueuer")
FUNCTIONS = (POST, SWEEP, FAST_TRACK)


def unpack(folder: Path) -> dict[Function, Path]:
    """Unpack every zip below `folder`, as Lambda does."""
    for function in FUNCTIONS:
        with ZipFile(function.zip_path) as archive:
            archive.extractall(folder / function.name)
    return {function: folder / function.name for function in FUNCTIONS}


def environment(endpoint: str = "http://127.0.0.1:9", shards: int = 16) -> Mapping[str, str]:
    """Return every variable that Terraform sets, for any function, and an account."""
    variables = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "DELAYER_PERIOD_SECONDS": str(DELAYER_PERIOD_SECONDS),
        "FAILURE_BUCKET_NAME": "failures",
        "HORIZON_SECONDS": str(3_653 * 86_400),
        "METRICS_NAMESPACE": "delayer",
        "QUEUE_URL": f"{endpoint}/123456789012/delayer",
        "SHARD_COUNT": str(shards),
        "STREAM_ARN": STREAM_ARN,
        "TABLE_NAME": TABLE,
    }
    return bare_environment(variables)
