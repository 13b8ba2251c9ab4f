"""How ministack is mended, as far as that can be told without starting it; tests/end_to_end has the rest."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tools.embedded_aws.permissions import batch_attributes
from tools.terraform import ROOT

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
def test_a_batch_names_the_attributes_of_all_its_requests(requests: list[Any], names: list[str]) -> None:
    """Those of the keys that it deletes and of the items that it puts, as dynamodb:Attributes has them."""
    assert batch_attributes(json.dumps({"RequestItems": {"table": requests}}).encode()) == names


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"RequestItems": 1}', b'{"RequestItems": {"table": [{}]}}', b"\xff"]
)
def test_what_is_no_batch_names_none(body: bytes) -> None:
    """Whatever a caller sends, the condition is judged and nothing is raised."""
    assert batch_attributes(body) == []


def test_another_version_of_ministack_is_refused() -> None:
    """What is replaced is in one version only: with another, nothing starts, and one line says why."""
    program = "import tools.embedded_aws.__main__ as shim; shim._MINISTACK = '1.0.0'; shim.main()"
    run = subprocess.run(  # noqa: S603 -- our own command
        [ROOT / ".venv" / "ministack" / "bin" / "python", "-B", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("The embedded AWS is mended for ministack 1.0.0, and ")
    assert run.stderr.count("\n") == 1
