"""A zip holds the modules that git lists, and is noted as a commit's only if it was made of what that commit holds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.packages.checkouts import FUNCTIONS, Checkout
from tests.packages.repositories import Repository, make_repository
from tests.packages.test_package_command import assert_refused
from tools.deploy import package_commits, packages
from tools.deploy.packages import build_packages, find_commit
from tools.deploy.terraform import TerraformError

ALL = set(FUNCTIONS)
SWEEP = "task-1minute-enqueuer"

#: What lies beside modules on somebody's machine, and is none.
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
    """A repository that holds the sources of its zips."""
    return make_repository(built, tmp_path / "repository")


@pytest.fixture
def monorepo(built: Checkout, tmp_path: Path) -> Repository:
    """A repository in which the project is a folder among others."""
    return make_repository(built, tmp_path / "repository", "services/delayer")


def names(checkout: Checkout, function: str = SWEEP) -> set[str]:
    """The names in a function's zip."""
    with ZipFile(checkout.zip_path(function)) as archive:
        return set(archive.namelist())


def litter(checkout: Checkout) -> None:
    """Put files that are no modules beside the modules, and an editor's lock, which is a broken symbolic link."""
    for name in _LITTER:
        path = checkout.source / "delayer" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise SystemExit\n")
    for folder in (checkout.source / "delayer", checkout.root / "build"):
        (folder / ".#settings.py").symlink_to("somebody@somewhere.4711")


class TestWhatIsPackaged:
    """Modules that git tracks or would add, and nothing else."""

    def test_litter_outside_a_repository_is_left_out(self, built: Checkout, checkout: Checkout) -> None:
        """Where there is no git to ask, the name decides."""
        litter(checkout)
        result = checkout.build()
        assert result.status == 0, result.errors
        assert checkout.zips() == built.zips()

    def test_litter_in_a_repository_is_left_out(self, built: Checkout, repository: Repository) -> None:
        """The same names are left out where git would add them, and the zips stay the commit's."""
        litter(repository.checkout)
        result = repository.checkout.build()
        assert (
            "Not packaged, because a module's name has lower-case letters, digits and _ only: "
            "src/delayer/handler copy.py, src/delayer/handler.bak.py, src/delayer/handler_LOCAL_4711.py"
        ) in result.output
        assert repository.checkout.zips() == built.zips()
        assert repository.noted() == ALL

    @pytest.mark.parametrize("rules", [".gitignore", ".git/info/exclude"])
    def test_ignored_file_is_left_out(self, built: Checkout, repository: Repository, rules: str) -> None:
        """A file that an ignore rule hides is in no zip."""
        repository.append(rules, "scratch.py\n")
        repository.commit()
        repository.append("src/delayer/scratch.py")
        repository.checkout.build()
        assert repository.checkout.zips() == built.zips()
        assert repository.noted() == ALL

    def test_tracked_file_that_is_ignored_is_packaged(self, repository: Repository) -> None:
        """A file that git tracks is packaged although a rule would hide it."""
        repository.append("src/delayer/kept.py")
        repository.commit()
        repository.append(".gitignore", "kept.py\n")
        repository.commit()
        assert repository.built_and_noted() == ALL
        assert "delayer/kept.py" in names(repository.checkout)

    def test_new_file_is_packaged_and_reported(self, repository: Repository) -> None:
        """Code that nobody has added yet runs in the local stack, and its zips are not noted."""
        repository.append("src/task_1minute_enqueuer/new.py")
        result = repository.checkout.build()
        assert "Not as in HEAD, so no commit is noted for zips made with it: src/task_1minute_enqueuer/new.py\n" in (
            result.output
        )
        assert "task_1minute_enqueuer/new.py" in names(repository.checkout)
        assert repository.noted() == ALL - {SWEEP}

    def test_copy_in_a_folder_that_another_repository_ignores(self, built: Checkout, tmp_path: Path) -> None:
        """A copy that is none of the surrounding repository's files is built as outside of any."""
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # noqa: S603, S607
        (tmp_path / ".gitignore").write_text("/copy/\n")
        checkout = built.copy(tmp_path / "copy")
        result = checkout.build()
        assert result.output.count("unchanged") == len(FUNCTIONS), result.errors

    def test_symbolic_link_is_refused(self, repository: Repository) -> None:
        """A link's content is not what a commit would hold."""
        (repository.checkout.source / "delayer" / "linked.py").symlink_to("settings.py")
        assert_refused(repository.checkout.build(), "src/delayer/linked.py is a symbolic link")

    def test_submodule_is_refused(self, repository: Repository) -> None:
        """A package that is another repository's is not packaged as if it were this one's."""
        shared = repository.checkout.source / "delayer"
        repository.git("rm", "-r", "--quiet", "--cached", "src/delayer")
        subprocess.run(["git", "init", "--quiet", str(shared)], check=True)  # noqa: S603, S607
        Repository(shared, Checkout(shared)).commit()
        repository.commit()
        assert_refused(repository.checkout.build(), "needs the package src/delayer/, which holds no module")

    def test_broken_repository_is_refused(self, repository: Repository) -> None:
        """Where git fails, nothing is packaged on a guess."""
        (repository.root / ".git" / "index").write_bytes(b"broken")
        assert_refused(repository.checkout.build(), "git can't list the files in src")


def change_tracked(repository: Repository) -> None:
    """Change a file."""
    repository.append("src/task_1minute_enqueuer/main.py")


def change_assumed_unchanged(repository: Repository) -> None:
    """Change a file that git does not look at."""
    repository.git("update-index", "--assume-unchanged", "src/task_1minute_enqueuer/main.py")
    change_tracked(repository)


def change_skipped(repository: Repository) -> None:
    """Change a file that git takes for one of a sparse checkout."""
    repository.git("update-index", "--skip-worktree", "src/task_1minute_enqueuer/main.py")
    change_tracked(repository)


def add_unshown(repository: Repository) -> None:
    """Add a file where git's status names no new ones."""
    repository.git("config", "status.showUntrackedFiles", "no")
    repository.append("src/task_1minute_enqueuer/new.py")


def add_intended(repository: Repository) -> None:
    """Add a file of which git's index has the name only."""
    repository.append("src/task_1minute_enqueuer/new.py")
    repository.git("add", "--intent-to-add", "src/task_1minute_enqueuer/new.py")


def delete_tracked(repository: Repository) -> None:
    """Delete a file, and mark it so that git does not look."""
    repository.append("src/task_1minute_enqueuer/old.py")
    repository.commit()
    repository.git("update-index", "--assume-unchanged", "src/task_1minute_enqueuer/old.py")
    (repository.checkout.source / "task_1minute_enqueuer" / "old.py").unlink()


def change_services(repository: Repository) -> None:
    """Change a function's declaration in pyproject.toml."""
    pyproject = repository.checkout.root / "pyproject.toml"
    before, found, after = pyproject.read_text(encoding="utf-8").partition('package = "task_1minute_enqueuer"\n')
    pyproject.write_text(before + found + after.replace('["dynamodb"]', '["dynamodb", "sqs"]', 1), encoding="utf-8")


def replace_commit(repository: Repository) -> None:
    """Put another commit in HEAD's place."""
    head = repository.git("rev-parse", "HEAD").strip()
    change_tracked(repository)
    other = repository.commit()
    repository.git("reset", "--quiet", head)
    repository.git("replace", head, other)


def convert_lines(repository: Repository) -> None:
    """Have git write other line ends than it holds."""
    attributes = repository.root / ".git" / "info" / "attributes"
    attributes.write_text("src/task_1minute_enqueuer/main.py text eol=crlf\n")
    main = repository.checkout.source / "task_1minute_enqueuer" / "main.py"
    main.unlink()
    repository.git("checkout", "--", str(main))
    assert b"\r\n" in main.read_bytes()


class TestNotes:
    """Which zips are noted as HEAD's."""

    def test_clean_checkout_is_noted(self, repository: Repository) -> None:
        """Every zip is HEAD's, whatever changes that no zip is made of."""
        repository.append("README.md")
        repository.append("pyproject.toml", "\n[tool.other]\n")
        repository.git("config", "core.fileMode", "false")
        (repository.checkout.source / "delayer" / "settings.py").chmod(0o755)
        assert repository.built_and_noted() == ALL

    @pytest.mark.parametrize(
        "change",
        [
            change_tracked,
            change_assumed_unchanged,
            change_skipped,
            add_unshown,
            add_intended,
            delete_tracked,
            change_services,
            replace_commit,
            convert_lines,
        ],
    )
    def test_zip_of_other_files_is_not_noted(
        self, repository: Repository, change: Callable[[Repository], None]
    ) -> None:
        """A zip that holds what HEAD does not is not noted, however the change is hidden from git's status."""
        change(repository)
        assert repository.built_and_noted() == ALL - {SWEEP}

    @pytest.mark.parametrize("path", ["build/wheels.py", "build/requirements.txt", "tools/processes.py"])
    def test_zip_of_another_toolchain_is_not_noted(self, repository: Repository, path: str) -> None:
        """What builds the zips counts as what they are made of."""
        assert repository.noted() == ALL
        repository.append(path)
        repository.commit()
        assert repository.noted() == set()

    def test_ignored_module_of_the_toolchain_is_not_noted(self, repository: Repository) -> None:
        """A module beside the tool's own, which a build might import, is in no commit."""
        repository.append(".git/info/exclude", "helper.py\n")
        repository.append("build/helper.py")
        assert repository.built_and_noted() == set()

    def test_zip_of_an_earlier_build_is_not_noted(self, repository: Repository) -> None:
        """A zip of changes that were taken back is not HEAD's until it is built again."""
        main = repository.checkout.source / "task_1minute_enqueuer" / "main.py"
        before = main.read_bytes()
        change_tracked(repository)
        assert repository.built_and_noted() == ALL - {SWEEP}
        main.write_bytes(before)
        assert repository.noted() == ALL - {SWEEP}
        assert repository.built_and_noted() == ALL

    def test_zip_that_is_unchanged_is_noted_of_its_commit(self, repository: Repository) -> None:
        """A zip is the commit's that holds what it was made of, also where that was committed after the build."""
        change_tracked(repository)
        assert repository.built_and_noted() == ALL - {SWEEP}
        repository.commit()
        assert repository.checkout.build().output.count("unchanged") == len(FUNCTIONS)
        assert repository.noted() == ALL

    def test_zip_that_was_replaced_is_not_noted(self, repository: Repository) -> None:
        """A zip that is not the one that was built is nobody's."""
        repository.checkout.zip_path(SWEEP).write_bytes(b"another")
        assert repository.noted() == ALL - {SWEEP}


class TestRepositories:
    """Whatever the repository's settings and place."""

    def configure_colours(self, repository: Repository) -> None:
        """Have git colour all that it prints."""
        for name in ("color.ui", "color.grep", "color.diff"):
            repository.git("config", name, "always")

    def give_away(self, repository: Repository) -> None:
        """Make another user the owner."""
        if os.getuid():
            pytest.skip("only root can give a file away")
        for path in (repository.root, *repository.root.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)

    @pytest.mark.parametrize("arrange", [configure_colours, give_away])
    def test_notes_are_written_and_found(
        self, repository: Repository, arrange: Callable[[TestRepositories, Repository], None]
    ) -> None:
        """Colours, and an owner whom git does not trust, change nothing."""
        arrange(self, repository)
        assert repository.built_and_noted() == ALL

    def test_git_dir_in_the_environment_is_ignored(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The repository is the one that the project is in, as in a hook of another one, which sets GIT_DIR."""
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no-index"))
        assert repository.built_and_noted() == ALL

    def test_folder_of_a_monorepo_is_noted(self, monorepo: Repository) -> None:
        """Paths are the project's, not the repository's."""
        assert monorepo.built_and_noted() == ALL
        monorepo.append("src/task_1minute_enqueuer/main.py")
        assert monorepo.built_and_noted() == ALL - {SWEEP}


class TestReview:
    """What a review names as changed."""

    @pytest.mark.parametrize("folder", [".", "services/delayer"])
    def test_files_that_differ_from_a_commit(self, built: Checkout, tmp_path: Path, folder: str) -> None:
        """Paths are the project's, and a file that is marked so that git does not look is named."""
        repository = make_repository(built, tmp_path / "repository", folder)
        checkout = package_commits.Checkout(repository.checkout.root)
        old = repository.git("rev-parse", "HEAD").strip()
        repository.append("src/delayer/settings.py")
        repository.append("src/delayer/added.py")
        new = repository.commit()
        assert list(checkout.changed_files(old, new, "src")) == [
            "src/delayer/added.py +1 -0",
            "src/delayer/settings.py +1 -0",
        ]
        change_assumed_unchanged(repository)
        repository.append("src/delayer/new.py")
        assert list(checkout.changed_files(new, None, "src")) == [
            "src/task_1minute_enqueuer/main.py +1 -0",
            "src/delayer/new.py new, not committed",
        ]
        assert checkout.read(old, "requirements.txt") == repository.checkout.lock.read_text(encoding="utf-8")


class TestRollback:
    """An earlier commit's packages are built from what it holds."""

    @pytest.fixture
    def rolled_back(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Repository], dict[str, bytes]]:
        """Builds the packages of HEAD~1 from a checkout that has moved on; gives them by function."""

        def build(repository: Repository) -> dict[str, bytes]:
            monkeypatch.setattr(packages, "ROOT", repository.checkout.root)
            repository.append("src/delayer/settings.py")
            repository.commit()
            with build_packages(find_commit("HEAD~1")) as built:
                return {path.stem: path.read_bytes() for path in built}

        return build

    def test_folder_of_a_monorepo(
        self, built: Checkout, monorepo: Repository, rolled_back: Callable[[Repository], dict[str, bytes]]
    ) -> None:
        """The worktree holds the whole repository; the project is built in its folder."""
        assert rolled_back(monorepo) == built.zips()
        assert len(monorepo.git("worktree", "list").splitlines()) == 1

    def test_hook_that_fails(
        self, built: Checkout, repository: Repository, rolled_back: Callable[[Repository], dict[str, bytes]]
    ) -> None:
        """A hook of the repository's that ends every checkout with an error is not run."""
        hook = repository.root / ".git" / "hooks" / "post-checkout"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        assert rolled_back(repository) == built.zips()

    def test_settings_that_change_lines(
        self, built: Checkout, repository: Repository, rolled_back: Callable[[Repository], dict[str, bytes]]
    ) -> None:
        """A commit from before .gitattributes gives the same bytes where git is to write other line ends."""
        repository.git("rm", "--quiet", ".gitattributes")
        repository.commit()
        repository.git("config", "core.autocrlf", "true")
        assert rolled_back(repository) == built.zips()

    def test_attributes_that_change_lines_are_refused(
        self, repository: Repository, rolled_back: Callable[[Repository], dict[str, bytes]]
    ) -> None:
        """Attributes that git can't be made to ignore are named, and no worktree is left."""
        (repository.root / ".git" / "info" / "attributes").write_text("src/** text eol=crlf\n")
        with pytest.raises(TerraformError, match=r"^git checks src/\S+ out otherwise than \w{12} holds it: look at"):
            rolled_back(repository)
        assert len(repository.git("worktree", "list").splitlines()) == 1


def test_clone_with_other_line_ends_gives_the_same_bytes(
    built: Checkout, repository: Repository, tmp_path: Path
) -> None:
    """A clone by somebody whose git is to write CRLF builds the same zips."""
    clone = tmp_path / "clone"
    attributes = tmp_path / "attributes"
    attributes.write_text("*.py ident working-tree-encoding=UTF-16\n* text eol=crlf\n")
    settings = ("-c", "core.autocrlf=true", "-c", f"core.attributesFile={attributes}")
    repository.git("clone", "--quiet", *settings, str(repository.root), str(clone))
    (clone / "build" / "cache").mkdir()
    for name in ("wheels", "prepared"):
        (clone / "build" / "cache" / name).symlink_to(repository.checkout.cache / name)
    cloned = Checkout(clone)
    result = cloned.build()
    assert result.status == 0, result.errors
    assert cloned.zips() == built.zips()
