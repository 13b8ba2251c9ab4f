"""make outputs prints an environment's outputs, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkouts import FUNCTIONS, ROOT, clean_environment, make_checkout, write_program
from tests.support.fake_terraform import FakeTerraform
from tools import terminal
from tools.local.stack import Stack
from tools.operate import environment as environments
from tools.operate import outputs

_OUTPUTS: dict[str, Any] = {
    "api_id": "abc",
    "api_url": "https://abc.execute-api.eu-west-1.amazonaws.com",
    "delayer_queue_arn": "arn:aws:sqs:eu-west-1:111122223333:delayer-dev-delayer",
    "function_names": {
        "api-schedule-post": "delayer-dev-api-schedule-post",
        "stream-dynamodb-fasttrack_enqueuer": "it's $HOME",
    },
    "aws_region": "eu-west-1",
}


@pytest.fixture
def dev(fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTerraform:
    """Return the Terraform of an applied dev with these outputs."""
    monkeypatch.setattr(environments, "WORK", tmp_path)
    fake_terraform.says("output", json.dumps({name: {"value": value} for name, value in _OUTPUTS.items()}))
    return fake_terraform


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command prints when it succeeds."""
    with pytest.raises(SystemExit) as ended:
        terminal.main("make outputs", outputs.show, arguments=arguments)
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    return out


@pytest.mark.usefixtures("dev")
class TestFormats:
    """A list for people, two formats for programs."""

    def test_list_has_two_columns(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A map's entries are below its name."""
        lines = printed(capsys, "dev", "").splitlines()
        assert lines[0] == "api_id" + " " * 32 + "abc"
        at = lines.index("function_names")
        assert lines[at + 1].split() == ["api-schedule-post", "delayer-dev-api-schedule-post"]
        assert len(lines) == 7

    def test_shell_evaluates_the_exports(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Every value arrives, whatever characters it holds."""
        script = printed(capsys, "dev", "env")
        assert all(re.match(r"export [A-Z][A-Z0-9_]*=", line) for line in script.splitlines())
        done = subprocess.run(  # noqa: S603 -- our own command
            ["bash", "-euc", f"{script}env"],  # noqa: S607 -- the user's bash
            env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere"}, check=True, capture_output=True, text=True,
        )  # fmt: skip
        variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
        assert variables["API_URL"] == _OUTPUTS["api_url"]
        assert variables["AWS_REGION"] == _OUTPUTS["aws_region"]
        assert variables["DELAYER_QUEUE_ARN"] == _OUTPUTS["delayer_queue_arn"]
        assert variables["FUNCTION_NAME_API_SCHEDULE_POST"] == "delayer-dev-api-schedule-post"
        assert variables["FUNCTION_NAME_STREAM_DYNAMODB_FASTTRACK_ENQUEUER"] == "it's $HOME"

    def test_json_is_the_outputs(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It is one object."""
        assert json.loads(printed(capsys, "dev", "json")) == _OUTPUTS


class TestRefusals:
    """A wrong argument gives one sentence, and nothing on stdout."""

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("dev", "yaml"), "there is no format 'yaml': set FORMAT to env or json, or leave it out for a list"),
            (("", ""), "no environment is named: give ENV= one of dev, staging, prod, local"),
            (("nowhere", ""), "there is no environment 'nowhere': give ENV= one of dev, staging, prod, local"),
        ],
    )
    @pytest.mark.usefixtures("dev")
    def test_wrong_argument_is_refused(
        self, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str], sentence: str
    ) -> None:
        """The sentence lists what can be given."""
        with pytest.raises(SystemExit) as ended:
            terminal.main("make outputs", outputs.show, arguments=arguments)
        assert ended.value.code == 1
        assert capsys.readouterr() == ("", f"make outputs: {sentence}\n")

    def test_wrong_format_is_refused_before_terraform_starts(self, dev: FakeTerraform) -> None:
        """It costs no init."""
        with pytest.raises(SystemExit):
            terminal.main("make outputs", outputs.show, arguments=["dev", "yaml"])
        assert dev.calls("init") == []


def test_local_api_url_is_the_one_that_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """API_URL is the address at the embedded AWS."""
    stack = Stack("http://127.0.0.1:4567", tmp_path, _OUTPUTS | {"aws_region": "us-east-1"})
    monkeypatch.setattr(environments, "running_stack", lambda: stack)
    assert "export API_URL=http://127.0.0.1:4567/_aws/execute-api/abc\n" in printed(capsys, "local", "env")


def test_installation_prints_to_stderr(tmp_path: Path) -> None:
    """A first run installs the tools; a shell can still evaluate stdout."""
    checkout = make_checkout(tmp_path / "checkout")
    (checkout / "tools" / "requirements.txt").touch()
    # Stands in for Python: installs itself as an environment, and prints its arguments when run there.
    program = """
import pathlib, shutil, sys
if sys.argv[1:4] == ["-S", "-m", "tools.toolchain.install"]:
    print("noise of an installation")
    target = pathlib.Path(".venv") / sys.argv[4] / "bin" / "python"
    target.parent.mkdir(parents=True)
    shutil.copy(__file__, target)
elif sys.argv[1:3] == ["-m", "tools.operate.outputs"]:
    print(sys.argv[3:])
"""
    python = write_program(tmp_path / "programs" / "python", program)
    write_program(tmp_path / "programs" / "terraform", "")
    done = subprocess.run(  # noqa: S603 -- our own command
        ["make", "outputs", "ENV=dev", "FORMAT=env", f"PYTHON={python}"],  # noqa: S607 -- the user's make
        cwd=checkout, env=clean_environment(PATH=f"{python.parent}:/usr/bin:/bin"), check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "['dev', 'env']\n"), done.stderr
    assert "noise of an installation" in done.stderr


def test_documents_use_the_exported_names() -> None:
    """Every variable of the documents' commands is an output under its exported name, or the caller's own."""
    text = (ROOT / "terraform" / "outputs.tf").read_text()
    names = {name.upper() for name in re.findall(r'^output "(\w+)"', text, re.MULTILINE)}
    pages = ("README.md", "docs/api.md", "docs/consuming.md")
    readme = "\n".join((ROOT / page).read_text() for page in pages)
    set_there = re.findall(r"^([A-Z_]+)=", readme, re.MULTILINE)
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", readme)) - set(set_there)
    names |= {f"FUNCTION_NAME_{name.upper().replace('-', '_')}" for name in FUNCTIONS}
    assert used - names == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    assert {"API_URL", "TABLE_NAME", "DELAYER_DEAD_LETTER_QUEUE_ARN"} <= used
