"""A set of tools is installed whole or not at all, whatever pip is configured to do."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.checkouts import ROOT, clean_environment, is_ended
from tools.project import CommandError
from tools.toolchain.install import install

_WHEEL = "tiny-1.0-py3-none-any.whl"


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of one small package, which pip finds in a folder; no network is needed."""
    wheel = tmp_path / "wheels" / _WHEEL
    wheel.parent.mkdir()
    with ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    path = tmp_path / "tiny.txt"
    path.write_text(f"tiny==1.0 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    return path


class TestInstall:
    """One environment from one lock."""

    def test_environment_holds_the_locked_packages(self, lock: Path, tmp_path: Path) -> None:
        """The package is in it, and nothing that pip unpacked on the way."""
        install(tmp_path, "tiny", lock.name)
        assert list((tmp_path / ".venv" / "tiny" / "lib").rglob("tiny.py"))
        assert not (tmp_path / ".venv" / "tiny" / "tmp").exists()

    def test_same_lock_installs_nothing(self, lock: Path, tmp_path: Path) -> None:
        """A lock with a new date and the same content, as after a change of branches, keeps the environment."""
        install(tmp_path, "tiny", lock.name)
        (tmp_path / ".venv" / "tiny" / "kept").touch()
        os.utime(tmp_path / ".venv" / "tiny" / ".installed", (0, 0))
        install(tmp_path, "tiny", lock.name)
        assert (tmp_path / ".venv" / "tiny" / "kept").exists()
        assert (tmp_path / ".venv" / "tiny" / ".installed").stat().st_mtime >= lock.stat().st_mtime

    def test_changed_lock_installs_anew(self, lock: Path, tmp_path: Path) -> None:
        """A lock with other content replaces the whole environment."""
        install(tmp_path, "tiny", lock.name)
        (tmp_path / ".venv" / "tiny" / "left").touch()
        lock.write_text("# another\n" + lock.read_text())
        install(tmp_path, "tiny", lock.name)
        assert not (tmp_path / ".venv" / "tiny" / "left").exists()

    def test_variables_of_the_caller_change_nothing(
        self, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Variables that send packages elsewhere or nowhere, or that Python starts by, have no effect."""
        elsewhere = tmp_path / "elsewhere"
        for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME"):
            monkeypatch.setenv(name, str(elsewhere))
        for name in ("PIP_USER", "PIP_DRY_RUN", "PIP_QUIET", "PYTHONSAFEPATH"):
            monkeypatch.setenv(name, "1")
        monkeypatch.setenv("PIP_NO_BINARY", ":all:")
        monkeypatch.setenv("PIP_PLATFORM", "win32")
        install(tmp_path, "tiny", lock.name)
        assert list((tmp_path / ".venv" / "tiny" / "lib").rglob("tiny.py"))
        assert not elsewhere.exists()

    def test_configuration_of_pip_counts_only_for_the_index(
        self, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A configuration file says where packages come from, and not where they go or whether they are installed."""
        for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
            monkeypatch.delenv(name)
        (tmp_path / "pip.conf").write_text(
            f"[global]\nno-index = true\nfind-links = {tmp_path / 'wheels'}\n"
            f"[install]\ntarget = {tmp_path / 'elsewhere'}\nuser = true\ndry-run = true\n"
        )
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        install(tmp_path, "tiny", lock.name)
        assert list((tmp_path / ".venv" / "tiny" / "lib").rglob("tiny.py"))
        assert not (tmp_path / "elsewhere").exists()

    def test_wrong_hash_leaves_nothing(self, lock: Path, tmp_path: Path) -> None:
        """A package that is not the locked one is refused, and so is the environment."""
        lock.write_text("tiny==1.0 --hash=sha256:" + "0" * 64)
        with pytest.raises(CommandError, match="could not be installed"):
            install(tmp_path, "tiny", lock.name)
        assert not (tmp_path / ".venv" / "tiny").exists()


class TestCommand:
    """What make runs."""

    @pytest.fixture
    def checkout(self, lock: Path, tmp_path: Path) -> Path:
        """A checkout with a lock."""
        root = tmp_path / "checkout"
        (root / "tools" / "toolchain").mkdir(parents=True)
        for name in ("processes.py", "project.py", "terminal.py", "toolchain/install.py"):
            shutil.copy(ROOT / "tools" / name, root / "tools" / name)
        shutil.copy(lock, root / "tiny.txt")
        return root

    def start(self, checkout: Path, **variables: str) -> subprocess.Popen[str]:
        """Start an installation."""
        return subprocess.Popen(
            [sys.executable, "-S", "-m", "tools.toolchain.install", "tiny", "tiny.txt"],
            cwd=checkout, env=clean_environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip

    def test_two_at_once_install_once(self, checkout: Path) -> None:
        """The second waits for the first, and finds what it made."""
        ended = [each.communicate(timeout=120) for each in [self.start(checkout), self.start(checkout)]]
        assert [errors for _, errors in ended] == ["", ""]
        installations = [line for output, _ in ended for line in output.splitlines() if line.endswith(", once")]
        assert len(installations) == 1
        assert (checkout / ".venv" / "tiny" / ".installed").exists()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_interrupted_installation_leaves_nothing(self, checkout: Path, tmp_path: Path, number: int) -> None:
        """One sentence, the status that shells expect, and neither an environment nor a temporary file."""
        temporary = tmp_path / "tmp"
        temporary.mkdir()
        process = self.start(checkout, TMPDIR=str(temporary))
        while not (checkout / ".venv" / "tiny").exists():
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors.strip() == "make: interrupted, and nothing of .venv/tiny is left: run the same command again"
        assert [path.name for path in (checkout / ".venv").iterdir()] == ["tiny.lock"]
        assert is_ended(checkout / ".venv" / "tiny.lock")
        assert list(temporary.iterdir()) == []
