"""What commands show while they work, and how they end."""

from __future__ import annotations

import os
import re
import signal
import time
from io import StringIO

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from tests.support.failures import client_error
from tests.support.waiting import comes_true
from tools import terminal
from tools.project import CommandError


def shown(console: Console) -> str:
    """Return all that was printed."""
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


class TestProgress:
    """Progress is a line that changes, or lines."""

    def test_without_terminal_steps_are_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A new step is a line at once, and a long one is a line every few seconds, with its count."""
        monkeypatch.setattr(terminal, "_LINE_SECONDS", 0.01)
        console = Console(file=StringIO(), width=80, force_terminal=False)
        with terminal.shown_progress(console) as progress:
            progress("First", 0, 0)
            progress("Second", 1, 3)
            progress("Second", 2, 3)
            assert comes_true(lambda: "Second: 2 of 3, " in shown(console))
        lines = shown(console).splitlines()
        assert lines[0] == "First"
        assert "Second" in lines[1:]
        assert any(re.fullmatch(r"Second: 2 of 3, \d+ s", line) for line in lines)

    def test_on_terminal_one_line_changes_and_disappears(self) -> None:
        """The line is drawn again with each step, and erased at the end."""
        console = Console(file=StringIO(), width=80, force_terminal=True, color_system=None, legacy_windows=False)
        with terminal.shown_progress(console) as progress:
            progress("First", 0, 0)
            progress("Second", 2, 3)
        said = shown(console)
        assert "Second" in said
        assert "2/3" in said
        assert said.endswith("\x1b[2K")

    @pytest.mark.parametrize(
        ("is_tty", "name", "is_terminal"),
        [
            (True, "xterm-256color", True),
            (True, "dumb", False),
            (True, "unknown", False),
            (True, "", False),
            (True, None, False),
            (False, "xterm-256color", False),
        ],
    )
    def test_console_is_a_terminal_only_if_its_lines_can_change(
        self, monkeypatch: pytest.MonkeyPatch, *, is_tty: bool, name: str | None, is_terminal: bool
    ) -> None:
        """A terminal that can't move its cursor is treated like a file, even if colours are forced."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.delenv("TERM", raising=False)
        if name is not None:
            monkeypatch.setenv("TERM", name)
        monkeypatch.setattr("sys.stdout.isatty", lambda: is_tty)
        assert terminal.open_console().is_terminal == is_terminal


class TestMain:
    """Every command ends in one of these ways."""

    @pytest.mark.parametrize(("is_good", "status"), [(True, 0), (None, 0), (False, 1)])
    def test_result_is_the_exit_status(self, *, is_good: bool | None, status: int) -> None:
        """False is status 1, anything else status 0."""
        with pytest.raises(SystemExit) as caught:
            terminal.main("make demo", lambda: is_good, arguments=[])
        assert caught.value.code == status

    def test_parameters_get_the_arguments(self) -> None:
        """A missing argument is empty, as an empty variable of make is; a keyword-only parameter is a switch."""
        given = []

        def note(environment: str, since: str, *, is_offline: bool, dry_run: bool) -> None:
            given.append((environment, since, is_offline, dry_run))

        for arguments in (["dev"], ["dev", "2026-11-22", "--dry-run"], ["", "--offline"]):
            with pytest.raises(SystemExit):
                terminal.main("make redrive", note, arguments=arguments)
        assert given == [("dev", "", False, False), ("dev", "2026-11-22", False, True), ("", "", True, False)]

    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (CommandError("no such thing"), "no such thing"),
            (PermissionError(13, "Permission denied", "build/work"), "[Errno 13] Permission denied: 'build/work'"),
            (client_error("AccessDenied", 403, "Invoke"), str(client_error("AccessDenied", 403, "Invoke"))),
            (EndpointConnectionError(endpoint_url="http://a"), 'Could not connect to the endpoint URL: "http://a"'),
        ],
        ids=["Terraform", "disk", "permission", "embedded AWS"],
    )
    def test_error_is_one_line_and_status_1(
        self, capsys: pytest.CaptureFixture[str], error: Exception, line: str
    ) -> None:
        """The line names the command; there is no traceback."""

        def fail() -> bool:
            raise error

        with pytest.raises(SystemExit) as caught:
            terminal.main("make demo", fail, arguments=[])
        assert caught.value.code == 1
        assert capsys.readouterr().err == f"make demo: {line}\n"

    @pytest.mark.parametrize("on_entry", [signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"])
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
    def test_signal_lets_command_clean_up_and_gives_130(
        self, capsys: pytest.CaptureFixture[str], number: signal.Signals, on_entry: signal.Handlers
    ) -> None:
        """Ctrl-C, SIGTERM and a closed terminal do, also for a background job, which starts with SIGINT ignored."""
        signal.signal(signal.SIGINT, on_entry)
        is_cleaned_up = False

        def wait() -> bool:
            nonlocal is_cleaned_up
            try:
                os.kill(os.getpid(), number)
                time.sleep(60)  # interrupted at once; else the command ends with status 0
            finally:
                is_cleaned_up = True
            return True

        with pytest.raises(SystemExit) as caught:
            terminal.main("make demo", wait, arguments=[])
        assert is_cleaned_up
        assert caught.value.code == 130
        assert capsys.readouterr().err == "make demo: interrupted\n"

    def test_second_signal_does_not_stop_the_clean_up(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A second signal of any kind is ignored, and prints no second line."""
        is_cleaned_up = False

        def wait() -> bool:
            nonlocal is_cleaned_up
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.raise_signal(number)
                is_cleaned_up = True
            return True

        with pytest.raises(SystemExit) as caught:
            terminal.main("make demo", wait, arguments=[])
        assert is_cleaned_up
        assert caught.value.code == 130
        assert capsys.readouterr().err == "make demo: interrupted\n"
