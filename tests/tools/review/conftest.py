"""The option that renews the kept plans and the pages made from them."""

from __future__ import annotations

import pytest

from tests.support.property_tests import use_profile

use_profile()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests write what they compare with."""
    parser.addoption(
        "--write",
        choices=("pages", "plans", "state"),
        help="write the pages in docs/operations, every kept plan (five minutes), or the state on the embedded AWS and "
        "then every plan (seven minutes), instead of comparing them",
    )
