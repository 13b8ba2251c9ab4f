"""The functions as Lambda has them: their unpacked zips, and the environment that Terraform sets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

from bench.canned_aws import STREAM_ARN, TABLE
from tools.capacity.declared import DELAYER_PERIOD_SECONDS, HORIZON_DAYS
from tools.processes import bare_environment
from tools.project import DIST, functions

#: Python alone, outside of any virtual environment, as on Lambda.
PYTHON = str(Path(sys.executable).resolve())

DELETE, GET, POST = "api-schedule-delete", "api-schedule-get", "api-schedule-post"
SWEEP, FAST_TRACK = "task-1minute-enqueuer", "stream-dynamodb-fasttrack_enqueuer"
FUNCTIONS = tuple(functions())


def package_path(function: str) -> Path:
    """Return the function's zip, which `make package` builds."""
    return DIST / f"{function}.zip"


def unpack(folder: Path) -> dict[str, Path]:
    """Unpack every function's zip below `folder`, and return where, by function."""
    for function in FUNCTIONS:
        with ZipFile(package_path(function)) as archive:
            archive.extractall(folder / function)
    return {function: folder / function for function in FUNCTIONS}


def environment(endpoint: str = "http://127.0.0.1:9", shards: int = 16) -> Mapping[str, str]:
    """Return every variable that Terraform sets for any function, and those of an account at `endpoint`."""
    variables = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "DELAYER_PERIOD_SECONDS": str(DELAYER_PERIOD_SECONDS),
        "FAILURE_BUCKET_NAME": "failures",
        "HORIZON_SECONDS": str(HORIZON_DAYS * 86_400),
        "METRICS_NAMESPACE": "delayer",
        "QUEUE_URL": f"{endpoint}/123456789012/delayer",
        "SHARD_COUNT": str(shards),
        "STREAM_ARN": STREAM_ARN,
        "TABLE_NAME": TABLE,
    }
    return bare_environment(variables)
