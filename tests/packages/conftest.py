"""Build the packages once; tests that change something work on a copy of that checkout."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.package_checkouts import FUNCTIONS, ROOT, Checkout, make_checkout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a checkout with packages built. Tests must not change it."""
    subprocess.run(["make", "--silent", ".venv/build/.installed"], cwd=ROOT, check=True)  # noqa: S607 -- the user's make
    checkout = make_checkout(tmp_path_factory.mktemp("built") / "checkout")
    result = checkout.build()
    assert result.status == 0, result.errors
    return checkout


@pytest.fixture
def checkout(built: Checkout, tmp_path: Path) -> Checkout:
    """Return a checkout with packages built that the test may change."""
    return built.copy(tmp_path / "checkout")


@pytest.fixture(params=FUNCTIONS)
def function(request: pytest.FixtureRequest) -> str:
    """Return each function's name."""
    name: str = request.param
    return name


@pytest.fixture
def names(built: Checkout, function: str) -> list[str]:
    """Return the names in the function's zip, in order."""
    with ZipFile(built.zip_path(function)) as archive:
        return archive.namelist()


@pytest.fixture(scope="session")
def unpacked(built: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that unpacks a function's zip as Lambda does and returns the folder."""
    folders: dict[str, Path] = {}

    def unpack(function: str) -> Path:
        if function not in folders:
            folders[function] = tmp_path_factory.mktemp(function)
            with ZipFile(built.zip_path(function)) as archive:
                archive.extractall(folders[function])
        return folders[function]

    return unpack
