"""The same commit gives the same bytes at any place and time, for any user."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.package_checkouts import Checkout, make_checkout


def test_same_bytes_elsewhere_from_nothing(built: Checkout, tmp_path: Path) -> None:
    """Another folder, file dates, umask, time zone, locale and hash seed give the same bytes, with nothing cached."""
    # GIVEN a checkout at another time, at a longer path, whose files were created in another order
    other = make_checkout(tmp_path / "a folder with spaces" / "checkout")
    for path in other.source.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    # WHEN it is built under other circumstances
    result = other.build(
        {
            "LC_ALL": "C",
            "PYTHONHASHSEED": "4711",
            "PYTHONOPTIMIZE": "2",
            "SOURCE_DATE_EPOCH": "1",
            "TZ": "Asia/Kolkata",
        },
        umask=0o077,
    )
    # THEN nothing shows in the zips
    assert result.status == 0, result.errors
    assert other.zips() == built.zips()


def test_same_bytes_from_cached_dependencies(built: Checkout, checkout: Checkout) -> None:
    """A zip of cached dependencies equals one that is built from nothing."""
    for function in built.zips():
        checkout.zip_path(function).unlink()
    result = checkout.build({"PYTHONHASHSEED": "1"})
    assert "Preparing" not in result.output
    assert checkout.zips() == built.zips()


def test_damaged_cache_entry_is_prepared_again(built: Checkout, checkout: Checkout) -> None:
    """A damaged cached dependency is prepared again, not used."""
    prepared = next((checkout.cache / "prepared").glob("six-*"))
    prepared.write_bytes(prepared.read_bytes()[:-1])
    checkout.zip_path("api-schedule-post").unlink()
    result = checkout.build()
    assert "Preparing six-" in result.output
    assert checkout.zips() == built.zips()
