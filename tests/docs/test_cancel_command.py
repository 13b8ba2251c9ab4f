"""docs/api.md's command that cancels a schedule names its record, and a condition that keeps a record that is due soon.

tests/end_to_end runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.checkouts import write_program
from tests.support.documents import cancel_command


@pytest.mark.parametrize(
    ("schedule_id", "shard", "due"),
    [
        ("004-001801382400-Jfsk5COSi6G1VD5qrhOLmA", "4", "001801382400#Jfsk5COSi6G1VD5qrhOLmA"),
        ("008-001801382400--a_-b--AAAAAAAAAAAAAAw", "8", "001801382400#-a_-b--AAAAAAAAAAAAAAw"),
        ("100-002116742400-_AAAAAAAAAAAAAAAAAAAAQ", "100", "002116742400#_AAAAAAAAAAAAAAAAAAAAQ"),
    ],
)
def test_command_names_the_record_and_the_limit(tmp_path: Path, schedule_id: str, shard: str, due: str) -> None:
    """The key is the scheduleId's, and only a schedule that is due later than 960 s from now is deleted."""
    write_program(tmp_path / "aws", "import json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    before = int(time.time())
    done = subprocess.run(  # noqa: S603 -- our own command
        ["bash", "-euc", cancel_command(schedule_id)],  # noqa: S607 -- the user's bash
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "TABLE_NAME": "schedules"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    after = int(time.time())
    service, operation, *rest = json.loads(done.stdout)
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    limit = json.loads(options["--expression-attribute-values"])[":limit"]["S"]
    assert (service, operation, options["--table-name"]) == ("dynamodb", "delete-item", "schedules")
    assert json.loads(options["--key"]) == {"shard": {"N": shard}, "due": {"S": due}}
    assert options["--condition-expression"] == "due > :limit"
    assert f"{before + 960:012d}#" <= limit <= f"{after + 960:012d}#"
