"""The parts of the embedded AWS that work without ministack; tests/end_to_end covers the rest."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tools.local.embedded_aws.permissions import batch_attributes
from tools.project import ROOT

KEY = {"shard": {"N": "1"}, "due": {"S": "2"}}


@pytest.mark.parametrize(
    ("requests", "names"),
    [
        ([{"DeleteRequest": {"Key": KEY}}], ["due", "shard"]),
        ([{"PutRequest": {"Item": {**KEY, "payload": {"S": "1"}}}}], ["due", "payload", "shard"]),
        ([{"DeleteRequest": {"Key": KEY}}, {"PutRequest": {"Item": {"other": {"S": "1"}}}}], ["due", "other", "shard"]),
        ([], []),
    ],
    ids=["delete", "put", "both", "nothing"],
)
def test_batch_has_attributes_of_all_its_requests(requests: list[Any], names: list[str]) -> None:
    """dynamodb:Attributes has those of the deleted keys and of the put items."""
    assert batch_attributes(json.dumps({"RequestItems": {"table": requests}}).encode()) == names


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"RequestItems": 1}', b'{"RequestItems": {"table": [{}]}}', b"\xff"]
)
def test_other_bodies_have_no_attributes(body: bytes) -> None:
    """The condition is judged whatever a caller sends; nothing is raised."""
    assert batch_attributes(body) == []


def test_other_version_of_ministack_is_refused() -> None:
    """The corrections fit one version: with another, nothing starts, and one line says why."""
    program = "import tools.local.embedded_aws.__main__ as main; main._MINISTACK = '1.0.0'; main.main()"
    run = subprocess.run(  # noqa: S603 -- our own command
        [ROOT / ".venv" / "ministack" / "bin" / "python", "-B", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("tools/local/embedded_aws corrects ministack 1.0.0, but ")
    assert run.stderr.count("\n") == 1
