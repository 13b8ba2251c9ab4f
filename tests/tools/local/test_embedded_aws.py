"""The parts of the embedded AWS that the stack's scenario doesn't show; tests/end_to_end covers the rest."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tools.project import ROOT

KEY = {"shard": {"N": "1"}, "due": {"S": "2"}}
DELETE, PUT = {"DeleteRequest": {"Key": KEY}}, {"PutRequest": {"Item": {**KEY, "payload": {"S": "1"}}}}


def run(program: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program with ministack's interpreter."""
    return subprocess.run(  # noqa: S603 -- our own command
        [ROOT / ".venv" / "ministack" / "bin" / "python", "-B", "-c", program],
        cwd=ROOT, capture_output=True, text=True, check=False, input=said,
    )  # fmt: skip


def attributes(*bodies: str) -> list[list[str]]:
    """Return the dynamodb:Attributes of requests with these bodies."""
    program = """
import json, sys, tools.local.embedded_aws.corrections
from ministack.core.iam_actions import dynamodb_service_context as context
bodies = (body.encode("latin-1") for body in json.load(sys.stdin))
print(json.dumps([context(body).get("dynamodb:Attributes", []) for body in bodies]))
"""
    done = run(program, json.dumps(bodies))
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_batch_has_attributes_of_all_its_requests() -> None:
    """dynamodb:Attributes has those of the deleted keys and of the put items."""
    cases: list[tuple[list[Any], list[str]]] = [
        ([DELETE], ["due", "shard"]),
        ([PUT], ["due", "payload", "shard"]),
        ([DELETE, {"PutRequest": {"Item": {"other": {"S": "1"}}}}], ["due", "other", "shard"]),
        ([], []),
    ]
    bodies = [json.dumps({"RequestItems": {"table": requests}}) for requests, _ in cases]
    assert attributes(*bodies) == [names for _, names in cases]


def test_other_bodies_have_no_attributes() -> None:
    """The condition is judged whatever a caller sends; nothing is raised."""
    bodies = ["", "{", "[]", '{"RequestItems": 1}', '{"RequestItems": {"table": [{}]}}', "\xff"]
    bodies.append('{"RequestItems": {"table": {"Keys": []}}}')
    assert attributes(*bodies) == [[]] * 7


def test_other_version_of_ministack_is_refused() -> None:
    """The corrections fit one version: with another, nothing starts, and one line says why."""
    done = run("import tools.local.embedded_aws.__main__ as main; main._MINISTACK = '1.0.0'; main.main()")
    assert done.returncode == 1
    assert done.stderr.startswith("tools/local/embedded_aws corrects ministack 1.0.0, but ")
    assert done.stderr.count("\n") == 1
