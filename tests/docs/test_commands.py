"""Commands and files that the documents name exist."""

from __future__ import annotations

import re

import pytest

from tests.support.documents import PAGES, ROOT

_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

_FOLDERS = "bench|build|docs|examples|src|terraform|tests|tools"

#: Files that a reader writes.
_WRITTEN = re.compile(r"terraform/(environments/prod\.accepted\.toml|bootstrap/import\.tf)")


def unknown_targets(text: str) -> set[str]:
    """Return the targets of make in a page's blocks of commands and between its backquotes that don't exist."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    commands = re.findall(r"`([^`]+)`", prose)
    for language, block in blocks:
        if language in ("", "sh"):
            commands += re.findall(r"^(?:\$ )?(make .*)", block, re.MULTILINE)
    found = (re.match(r"make\s+(?:--silent\s+)?([a-z][a-z-]*)", command) for command in commands)
    return {each[1] for each in found if each} - _TARGETS


def missing_files(text: str) -> set[str]:
    """Return the files that a page names between backquotes and that don't exist, but for those that are built."""
    named = re.findall(rf"`((?:{_FOLDERS})/[\w./-]+)`", text)
    return {
        path
        for path in named
        if not (ROOT / path).exists() and not path.startswith("build/") and not _WRITTEN.fullmatch(path)
    }


@pytest.mark.parametrize("page", PAGES)
def test_named_commands_and_files_exist(page: str) -> None:
    """A renamed target or file is renamed in every page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert (unknown_targets(text), missing_files(text)) == (set(), set())


def test_unknown_names_are_found() -> None:
    """In a block of commands, in its output's prompt, and between backquotes."""
    blocks = "```sh\nmake plain\nmake plan\n```\n```\n$ make prompt\n```\n"
    text = f"{blocks}make no command, `make quoted ENV=dev`, `src/missing.py`"
    assert unknown_targets(text) == {"plain", "prompt", "quoted"}
    assert missing_files(text) == {"src/missing.py"}
