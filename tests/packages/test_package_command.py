"""`make package` after no change, a change or a wrong change, and when it is interrupted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.package_checkouts import FUNCTIONS, ROOT, Checkout, Result, assert_refused, own_wheels

_IGNORE_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
_OFFLINE = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}


def edit(path: Path, pattern: str, replacement: str) -> None:
    """Replace the pattern's first match."""
    text, found = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1)
    assert found
    path.write_text(text, encoding="utf-8")


class TestRebuilding:
    """Only zips whose inputs changed in content are built."""

    def test_unchanged_zips_are_not_written(self, checkout: Checkout) -> None:
        """Nothing is written if no content has changed, even if files are newer than the zips."""
        before = {function: checkout.zip_path(function).stat().st_mtime_ns for function in FUNCTIONS}
        for path in checkout.source.rglob("*.py"):
            path.touch()
        result = checkout.build()
        assert result.status == 0
        assert result.output.count("unchanged") == len(FUNCTIONS)
        assert {function: checkout.zip_path(function).stat().st_mtime_ns for function in FUNCTIONS} == before

    def test_change_of_one_function_rebuilds_its_zip(self, built: Checkout, checkout: Checkout) -> None:
        """A change of one function's code changes that function's zip only, even if the source has an older date."""
        main = checkout.source / "task_1minute_enqueuer" / "main.py"
        main.write_bytes(main.read_bytes() + b"\n# changed\n")
        os.utime(main, (1_000_000_000, 1_000_000_000))
        assert checkout.build().status == 0
        after = checkout.zips()
        assert [name for name, content in built.zips().items() if after[name] != content] == ["task-1minute-enqueuer"]

    def test_change_of_the_shared_package_rebuilds_every_zip(self, built: Checkout, checkout: Checkout) -> None:
        """A change of the shared package changes every zip."""
        shared = checkout.source / "delayer" / "schedules.py"
        shared.write_bytes(shared.read_bytes() + b"\n# changed\n")
        assert checkout.build().status == 0
        after = checkout.zips()
        assert [name for name, content in built.zips().items() if after[name] == content] == []

    def test_added_service_is_packaged(self, checkout: Checkout) -> None:
        """The next build packages the data of a service that is added in pyproject.toml."""
        package = 'package = "api_schedule_post"\n'
        services = rf'{package}services = \["dynamodb"\]'
        edit(checkout.root / "pyproject.toml", services, f'{package}services = ["dynamodb", "sqs"]')
        assert checkout.build().status == 0
        assert b"botocore/data/sqs/" in checkout.zip_path("api-schedule-post").read_bytes()

    def test_changed_or_missing_zip_is_rebuilt(self, built: Checkout, checkout: Checkout) -> None:
        """A zip that was changed after its build, or that is missing, is built again."""
        tampered = checkout.zip_path("api-schedule-post")
        tampered.write_bytes(tampered.read_bytes() + b"x")
        checkout.zip_path("task-1minute-enqueuer").unlink()
        assert checkout.build().status == 0
        assert checkout.zips() == built.zips()


class TestRefusals:
    """A wrong input ends the build with one line that says what to do, and leaves the zips as they were."""

    def test_cached_wheel_with_a_wrong_hash_is_refused(self, built: Checkout, checkout: Checkout) -> None:
        """A cached wheel whose hash the lock does not allow is not used, even if it is prepared already."""
        edit(checkout.lock, r"(?s)(botocore==\S+ \\\n.*?)(?=    # via)", f"botocore==1.44.5 --hash=sha256:{'0' * 64}\n")
        assert_refused(checkout.build(), "botocore==1.44.5", "requirements.txt")
        assert checkout.zips() == built.zips()

    def test_offered_wheel_with_a_wrong_hash_is_refused(self, checkout: Checkout) -> None:
        """A wheel whose hash the lock does not allow is not fetched."""
        offered = (checkout.cache / "wheels").resolve()
        next(own_wheels(checkout).glob("six-*")).unlink()
        edit(checkout.lock, r"(?s)(six==\S+ \\\n.*?)(?=    # via)", f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
        assert_refused(checkout.build(_OFFLINE | {"PIP_FIND_LINKS": str(offered)}), "six==1.17.0", "hashes")

    def test_missing_wheel_without_network_is_refused(self, checkout: Checkout) -> None:
        """If a missing wheel can't be fetched, the line names the wheel and PyPI."""
        next(own_wheels(checkout).glob("six-*")).unlink()
        assert_refused(checkout.build(_OFFLINE | {"PIP_FIND_LINKS": ""}), "six==1.17.0", "PyPI", "once")

    def test_compiled_wheel_is_refused(self, checkout: Checkout) -> None:
        """A wheel with compiled code is refused by name."""
        wheel = next(own_wheels(checkout).glob("six-*"))
        wheel.rename(wheel.with_name("six-1.17.0-cp313-cp313-manylinux_2_17_aarch64.whl"))
        assert_refused(checkout.build(), "six==1.17.0", "pure Python")

    def test_file_name_used_twice_is_refused(self, checkout: Checkout) -> None:
        """A function's package with the name of a dependency is refused."""
        shutil.copytree(checkout.source / "delayer", checkout.source / "urllib3")
        edit(checkout.root / "pyproject.toml", r'package = "task_1minute_enqueuer"', 'package = "urllib3"')
        assert_refused(checkout.build(), "urllib3/__init__.py", "twice")

    def test_source_that_does_not_compile_is_refused(self, built: Checkout, checkout: Checkout) -> None:
        """A syntax error is reported with file and line."""
        (checkout.source / "delayer" / "settings.py").write_text("x = 1\ny = = 2\n")
        assert_refused(checkout.build(), "delayer/settings.py", "line 2")
        assert checkout.zips() == built.zips()

    def test_unknown_service_is_refused(self, checkout: Checkout) -> None:
        """A service that the SDK does not know is reported."""
        edit(checkout.root / "pyproject.toml", r'services = \["dynamodb"\]', 'services = ["dynamodbb"]')
        assert_refused(checkout.build(), "dynamodbb", "pyproject.toml")

    def test_python_with_other_bytecode_is_refused(self, checkout: Checkout) -> None:
        """A Python whose bytecode the functions' Python can't use is refused, even if there is nothing to build."""
        before = r"import importlib.util; importlib.util.MAGIC_NUMBER = b'\x2b\x0e\r\n'"
        assert_refused(checkout.build(before=before), "Python 3.13", "bytecode")

    def test_unlocked_compressor_is_refused(self, built: Checkout, checkout: Checkout) -> None:
        """A Python whose compressor is not the locked one, and would write other bytes, is refused."""
        checkout.zip_path("task-1minute-enqueuer").unlink()
        other = "[types.SimpleNamespace(version='0.0')]"
        before = f"import types, importlib.metadata as metadata; metadata.distributions = lambda **_: {other}"
        assert_refused(checkout.build(before=before), "deflate", "has 0.0", "make package")
        assert checkout.build().status == 0
        assert checkout.zips() == built.zips()

    def test_lock_without_hashes_is_refused(self, checkout: Checkout) -> None:
        """A lock that does not pin a package with its hashes is refused."""
        checkout.lock.write_text("six==1.17.0\n")
        assert_refused(checkout.build(), "six==1.17.0", "make lock")


class TestInterruptions:
    """A build that ends at any moment leaves no incomplete zip."""

    @pytest.mark.parametrize("before", ["", _IGNORE_SIGINT], ids=["foreground", "background"])
    def test_ctrl_c_leaves_the_old_zips(self, built: Checkout, checkout: Checkout, before: str) -> None:
        """Ctrl-C ends a build with one line and leaves only the old zips; so does SIGINT in a background job, which
        starts with SIGINT ignored.
        """
        # GIVEN built packages, and a change that takes a while to build
        shutil.rmtree(checkout.cache / "prepared")
        main = checkout.source / "api_schedule_post" / "main.py"
        main.write_bytes(main.read_bytes() + b"\n# changed\n")
        # WHEN the build is interrupted while it prepares
        process = checkout.start(before=before)
        assert process.stdout is not None
        while "Preparing botocore" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        # THEN
        assert process.returncode == 130
        assert len(errors.splitlines()) == 1
        assert checkout.zips() == built.zips()
        assert list(checkout.root.rglob("*.unfinished")) == []

    def test_unfinished_files_of_a_killed_build_are_removed(self, built: Checkout, checkout: Checkout) -> None:
        """The next build removes half of a zip, half of a prepared wheel and half of the fetched wheels."""
        offered = (checkout.cache / "wheels").resolve()
        next(own_wheels(checkout).glob("six-*")).unlink()
        prepared = next((checkout.cache / "prepared").glob("six-*"))
        prepared.unlink()
        for path in (checkout.zip_path("api-schedule-post"), prepared, checkout.cache / "fetching" / "six.whl"):
            path.parent.mkdir(exist_ok=True)
            path.with_name(f"{path.name}.unfinished").write_bytes(b"half")
        assert checkout.build(_OFFLINE | {"PIP_FIND_LINKS": str(offered)}).status == 0
        assert list(checkout.root.rglob("*.unfinished")) == []
        assert checkout.zips() == built.zips()

    def test_two_builds_at_once_both_succeed(self, built: Checkout, checkout: Checkout) -> None:
        """Two first builds of one checkout at the same time both fetch, prepare and build."""
        offered = (checkout.cache / "wheels").resolve()
        shutil.rmtree(checkout.cache / "prepared")
        for wheel in own_wheels(checkout).iterdir():
            wheel.unlink()
        environment = _OFFLINE | {"PIP_FIND_LINKS": str(offered)}
        processes = [checkout.start(environment), checkout.start(environment)]
        for process in processes:
            _, errors = process.communicate()
            assert process.returncode == 0, errors
        assert checkout.zips() == built.zips()


def test_make_package_runs_the_tool() -> None:
    """`make package` runs build/package.py in the packaging environment."""
    plan = subprocess.run(
        ["make", "--dry-run", "package"],  # noqa: S607 -- the user's make
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.fullmatch(r"\.venv/build/bin/python( -\w+)* build/package\.py", plan.splitlines()[-1])


class TestCheck:
    """`--check` builds nothing and names zips that are missing or out of date."""

    def test_current_zips_pass(self, checkout: Checkout) -> None:
        """Nothing is printed if all zips are current, whatever the files' times."""
        for path in checkout.source.rglob("*.py"):
            path.touch()
        assert checkout.check() == Result(0, "", "")

    def test_missing_zip_is_named(self, checkout: Checkout) -> None:
        """A missing zip is named, and not built."""
        checkout.zip_path("api-schedule-post").unlink()
        assert_refused(checkout.check(), "There is no build/dist/api-schedule-post.zip\n")
        assert not checkout.zip_path("api-schedule-post").exists()

    def test_zip_of_other_sources_is_named(self, built: Checkout, checkout: Checkout) -> None:
        """A zip of other sources is named, however new it is, and not rebuilt."""
        main = checkout.source / "task_1minute_enqueuer" / "main.py"
        main.write_bytes(main.read_bytes() + b"\n# changed\n")
        os.utime(main, (1_000_000_000, 1_000_000_000))
        assert_refused(
            checkout.check(), "Built from other sources than there are now: build/dist/task-1minute-enqueuer.zip\n"
        )
        assert checkout.zips() == built.zips()

    def test_replaced_zip_is_named(self, checkout: Checkout) -> None:
        """A file that replaced the built zip is named."""
        checkout.zip_path("api-schedule-post").write_bytes(b"another")
        assert_refused(checkout.check(), "Built from other sources", "api-schedule-post.zip")
