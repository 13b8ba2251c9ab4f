"""A function's zip holds the files that the function needs, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.package_checkouts import FUNCTIONS, Checkout

_SHARED = {
    "delayer/__init__.py",
    "delayer/api.py",
    "delayer/clients.py",
    "delayer/delayer_queue.py",
    "delayer/listing.py",
    "delayer/parallel.py",
    "delayer/point_in_time.py",
    "delayer/retries.py",
    "delayer/schedule_table.py",
    "delayer/schedules.py",
    "delayer/settings.py",
}

_OWN = {
    "api-schedule-delete": {
        "api_schedule_delete/__init__.py",
        "api_schedule_delete/handler.py",
        "api_schedule_delete/main.py",
        "api_schedule_delete/settings.py",
    },
    "api-schedule-get": {
        "api_schedule_get/__init__.py",
        "api_schedule_get/handler.py",
        "api_schedule_get/main.py",
        "api_schedule_get/request.py",
        "api_schedule_get/settings.py",
    },
    "api-schedule-post": {
        "api_schedule_post/__init__.py",
        "api_schedule_post/handler.py",
        "api_schedule_post/json_text.py",
        "api_schedule_post/main.py",
        "api_schedule_post/request.py",
        "api_schedule_post/settings.py",
    },
    "stream-dynamodb-fasttrack_enqueuer": {
        "stream_dynamodb_fasttrack_enqueuer/__init__.py",
        "stream_dynamodb_fasttrack_enqueuer/failure_bucket.py",
        "stream_dynamodb_fasttrack_enqueuer/handler.py",
        "stream_dynamodb_fasttrack_enqueuer/main.py",
        "stream_dynamodb_fasttrack_enqueuer/plan.py",
        "stream_dynamodb_fasttrack_enqueuer/settings.py",
    },
    "task-1minute-enqueuer": {
        "task_1minute_enqueuer/__init__.py",
        "task_1minute_enqueuer/handler.py",
        "task_1minute_enqueuer/main.py",
        "task_1minute_enqueuer/settings.py",
        "task_1minute_enqueuer/sweep.py",
    },
}

_DEPENDENCIES = {
    "aws_lambda_powertools",
    "botocore",
    "dateutil",
    "jmespath",
    "six.py",
    "typing_extensions.py",
    "urllib3",
}

_SERVICES = {
    "api-schedule-delete": {"dynamodb"},
    "api-schedule-get": {"dynamodb"},
    "api-schedule-post": {"dynamodb"},
    "stream-dynamodb-fasttrack_enqueuer": {"dynamodb", "s3", "sqs"},
    "task-1minute-enqueuer": {"dynamodb"},
}


def test_code_is_the_functions_and_the_shared_package(function: str, names: list[str]) -> None:
    """A function's zip has the function's package and the shared one, file by file, and no other function's."""
    ours = {name for name in names if name.startswith((*FUNCTIONS.values(), "delayer")) and name.endswith(".py")}
    assert ours == _OWN[function] | _SHARED


def test_top_level_names(function: str, names: list[str]) -> None:
    """Beside the two packages there are the locked dependencies, their metadata and two single modules' bytecode."""
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == _DEPENDENCIES | {
        FUNCTIONS[function],
        "__pycache__",
        "delayer",
    }


def test_only_the_functions_services_are_described(function: str, names: list[str]) -> None:
    """The SDK's data describes the services that the function calls and no other."""
    folders = {parts[2] for name in names if len(parts := name.split("/")) > 3 and parts[1] == "data"}
    assert folders == _SERVICES[function]


def test_common_data_of_the_sdk_is_packaged(names: list[str]) -> None:
    """The files that botocore reads for every service are packaged."""
    assert {name for name in names if re.fullmatch(r"botocore/data/[^/]+", name)} == {
        "botocore/data/_retry.json",
        "botocore/data/endpoints.json",
        "botocore/data/partitions.json",
        "botocore/data/sdk-default-configuration.json",
    }


def test_licences_are_packaged(names: list[str]) -> None:
    """Every dependency's .dist-info has its licence, its metadata and notices, and nothing else."""
    by_package: dict[str, set[str]] = {}
    for name in names:
        top, _, rest = name.partition("/")
        if top.endswith(".dist-info"):
            by_package.setdefault(top, set()).add(re.sub(r"^licenses/|\.txt$", "", rest))
    assert len(by_package) == len(_DEPENDENCIES)
    for files in by_package.values():
        assert {"LICENSE", "METADATA"} <= files <= {"LICENSE", "METADATA", "NOTICE"}


def test_no_files_of_the_build_host_or_for_development(names: list[str]) -> None:
    """No scripts, install records, type stubs, examples or compiled libraries."""
    unwanted = re.compile(r"bin/|.*(\.data/|/RECORD|/INSTALLER|/WHEEL|/py\.typed|/examples?[-/]|\.pyi|\.so)")
    assert [name for name in names if unwanted.match(name)] == []


def test_at_most_five_megabytes(built: Checkout, function: str) -> None:
    """A zip has at most 5,000,000 bytes."""
    assert built.zip_path(function).stat().st_size <= 5_000_000


def test_names_dates_and_modes_are_fixed(built: Checkout, function: str) -> None:
    """Names are sorted, dates are the earliest that a zip can hold, and every user may read every file."""
    with ZipFile(built.zip_path(function)) as archive:
        entries = archive.infolist()
        assert archive.testzip() is None
    assert [entry.filename for entry in entries] == sorted({entry.filename for entry in entries})
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {(entry.create_system, entry.external_attr >> 16) for entry in entries} == {(3, 0o100644)}


def test_every_requirement_of_every_dependency_is_locked(
    unpacked: Callable[[str], Path], built: Checkout, function: str
) -> None:
    """Every requirement of a dependency on Lambda's Python and machine is locked in a version that it accepts."""
    target = {str(key): str(value) for key, value in default_environment().items()} | {
        "extra": "",
        "platform_machine": "aarch64",
        "platform_system": "Linux",
        "python_version": "3.13",
        "sys_platform": "linux",
    }
    pins = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", built.lock.read_text(encoding="utf-8")))
    locked = {canonicalize_name(name): version for name, version in pins.items()}
    required = [
        Requirement(line)
        for metadata in unpacked(function).glob("*.dist-info/METADATA")
        for line in re.findall(r"(?m)^Requires-Dist: (.+)$", metadata.read_text(encoding="utf-8"))
    ]
    needed = [r for r in required if r.marker is None or r.marker.evaluate(target)]
    assert needed
    assert [str(r) for r in needed if not r.specifier.contains(locked.get(canonicalize_name(r.name), "0"))] == []


@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs"])
def test_endpoints_of_the_services_are_packaged(unpacked: Callable[[str], Path], service: str) -> None:
    """The reduced list of endpoints still has the services that are called, in the commercial regions and in China."""
    endpoints = (unpacked("stream-dynamodb-fasttrack_enqueuer") / "botocore/data/endpoints.json").read_text("utf-8")
    assert endpoints.count(f'"{service}":') > 2
