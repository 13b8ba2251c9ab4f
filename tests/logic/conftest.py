"""Pure logic: nothing here reaches for AWS, a clock or the network."""

from __future__ import annotations

from tests.support.property_tests import use_profile

use_profile()
