"""A zip holds the modules that git tracks or would add; a rollback's zips hold those of the earlier commit."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.commands import move_project
from tests.support.package_checkouts import FUNCTIONS, Checkout, assert_refused
from tests.support.repositories import Repository, make_repository
from tools.deploy.rollback import build_packages, find_commit

SWEEP = "task-1minute-enqueuer"

#: Files that lie beside modules on a developer's machine and are not modules.
_LITTER = (
    ".hidden.py",
    "._handler.py",
    ".ipynb_checkpoints/handler-checkpoint.py",
    "handler copy.py",
    "handler.bak.py",
    "handler.py~",
    "handler_LOCAL_4711.py",
)


@pytest.fixture
def repository(built: Checkout, tmp_path: Path) -> Repository:
    """Return a repository that holds the sources of its zips."""
    return make_repository(built, tmp_path / "repository")


@pytest.fixture
def monorepo(built: Checkout, tmp_path: Path) -> Repository:
    """Return a repository in which the project is a folder among others."""
    return make_repository(built, tmp_path / "repository", "services/delayer")


def names(checkout: Checkout, function: str = SWEEP) -> set[str]:
    """Return the names in a function's zip."""
    with ZipFile(checkout.zip_path(function)) as archive:
        return set(archive.namelist())


def litter(checkout: Checkout) -> None:
    """Put files that are not modules beside the modules, and an editor's lock, which is a broken symbolic link."""
    for name in _LITTER:
        path = checkout.source / "delayer" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise SystemExit\n")
    for folder in (checkout.source / "delayer", checkout.root / "build"):
        (folder / ".#settings.py").symlink_to("somebody@somewhere.4711")


class TestPackagedFiles:
    """Only modules that git tracks or would add are packaged."""

    def test_litter_outside_a_repository_is_left_out(self, built: Checkout, checkout: Checkout) -> None:
        """Outside a repository, the name alone decides."""
        litter(checkout)
        result = checkout.build()
        assert result.status == 0, result.errors
        assert checkout.zips() == built.zips()

    def test_litter_in_a_repository_is_left_out(self, built: Checkout, repository: Repository) -> None:
        """The same names are left out where git would add them."""
        litter(repository.checkout)
        result = repository.checkout.build()
        assert (
            "Not packaged, because a module's name has lower-case letters, digits and _ only: "
            "src/delayer/handler copy.py, src/delayer/handler.bak.py, src/delayer/handler_LOCAL_4711.py"
        ) in result.output
        assert repository.checkout.zips() == built.zips()

    @pytest.mark.parametrize("rules", [".gitignore", ".git/info/exclude"])
    def test_ignored_file_is_left_out(self, built: Checkout, repository: Repository, rules: str) -> None:
        """A file that an ignore rule hides is not packaged."""
        repository.append(rules, "scratch.py\n")
        repository.commit()
        repository.append("src/delayer/scratch.py")
        repository.checkout.build()
        assert repository.checkout.zips() == built.zips()

    def test_tracked_file_that_is_ignored_is_packaged(self, repository: Repository) -> None:
        """A file that git tracks is packaged although a rule would hide it."""
        repository.append("src/delayer/kept.py")
        repository.commit()
        repository.append(".gitignore", "kept.py\n")
        repository.commit()
        repository.checkout.build()
        assert "delayer/kept.py" in names(repository.checkout)

    def test_new_file_is_packaged(self, repository: Repository) -> None:
        """A file that is not added yet is packaged, so that it runs in the local stack."""
        repository.append("src/task_1minute_enqueuer/new.py")
        repository.checkout.build()
        assert "task_1minute_enqueuer/new.py" in names(repository.checkout)

    def test_copy_in_an_ignored_folder_of_another_repository_is_built(self, built: Checkout, tmp_path: Path) -> None:
        """A copy that the surrounding repository ignores is built as if it were outside of any."""
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # noqa: S603, S607
        (tmp_path / ".gitignore").write_text("/copy/\n")
        checkout = built.copy(tmp_path / "copy")
        result = checkout.build()
        assert result.output.count("unchanged") == len(FUNCTIONS), result.errors

    def test_symbolic_link_is_refused(self, repository: Repository) -> None:
        """A symbolic link is refused: a commit does not hold its target's content."""
        (repository.checkout.source / "delayer" / "linked.py").symlink_to("settings.py")
        assert_refused(repository.checkout.build(), "src/delayer/linked.py is a symbolic link")

    def test_submodule_is_refused(self, repository: Repository) -> None:
        """A package that belongs to another repository is not packaged."""
        shared = repository.checkout.source / "delayer"
        repository.git("rm", "-r", "--quiet", "--cached", "src/delayer")
        subprocess.run(["git", "init", "--quiet", str(shared)], check=True)  # noqa: S603, S607
        Repository(shared, Checkout(shared)).commit()
        repository.commit()
        assert_refused(repository.checkout.build(), "needs the package src/delayer/, which holds no module")

    def test_broken_repository_is_refused(self, repository: Repository) -> None:
        """If git fails, nothing is packaged."""
        (repository.root / ".git" / "index").write_bytes(b"broken")
        assert_refused(repository.checkout.build(), "git can't list the files in src")


class TestRollback:
    """An earlier commit's packages are built from that commit's files."""

    @pytest.fixture
    def rolled_back(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Repository], dict[str, bytes]]:
        """Return a function that builds the packages of HEAD~1 and returns them by function."""

        def build(repository: Repository) -> dict[str, bytes]:
            move_project(monkeypatch, repository.checkout.root)
            repository.append("src/delayer/settings.py")
            repository.commit()
            with build_packages(find_commit("HEAD~1")) as built:
                return {path.stem: path.read_bytes() for path in built}

        return build

    def test_folder_of_a_monorepo_gives_the_same_bytes(
        self, built: Checkout, monorepo: Repository, rolled_back: Callable[[Repository], dict[str, bytes]]
    ) -> None:
        """The whole repository is checked out; the project is built in its folder."""
        assert rolled_back(monorepo) == built.zips()

    def test_failing_hook_is_not_run(
        self, built: Checkout, repository: Repository, rolled_back: Callable[[Repository], dict[str, bytes]]
    ) -> None:
        """A hook that fails every checkout is not run."""
        hook = repository.root / ".git" / "hooks" / "post-checkout"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        assert rolled_back(repository) == built.zips()

    def test_line_end_settings_are_ignored(
        self, built: Checkout, repository: Repository, rolled_back: Callable[[Repository], dict[str, bytes]]
    ) -> None:
        """A commit without .gitattributes gives the same bytes even if git is set to write other line ends."""
        repository.git("rm", "--quiet", ".gitattributes")
        repository.commit()
        repository.git("config", "core.autocrlf", "true")
        assert rolled_back(repository) == built.zips()

    def test_line_end_attributes_are_ignored(
        self, built: Checkout, repository: Repository, rolled_back: Callable[[Repository], dict[str, bytes]]
    ) -> None:
        """Attributes that git can't be made to ignore are those of another repository, and no checkout is left."""
        (repository.root / ".git" / "info" / "attributes").write_text("src/** text eol=crlf\n")
        assert rolled_back(repository) == built.zips()
        assert list((repository.checkout.root / "build" / "work").glob("packages-*")) == []


def test_clone_with_other_line_ends_gives_the_same_bytes(
    built: Checkout, repository: Repository, tmp_path: Path
) -> None:
    """A clone by a git that is set to write CRLF builds the same zips."""
    clone = tmp_path / "clone"
    attributes = tmp_path / "attributes"
    attributes.write_text("*.py ident working-tree-encoding=UTF-16\n* text eol=crlf\n")
    settings = ("-c", "core.autocrlf=true", "-c", f"core.attributesFile={attributes}")
    repository.git("clone", "--quiet", *settings, str(repository.root), str(clone))
    (clone / "build" / "work" / "cache").mkdir(parents=True)
    for name in ("wheels", "prepared"):
        (clone / "build" / "work" / "cache" / name).symlink_to(repository.checkout.cache / name)
    cloned = Checkout(clone)
    result = cloned.build()
    assert result.status == 0, result.errors
    assert cloned.zips() == built.zips()
