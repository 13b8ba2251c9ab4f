"""Tests of pure logic: no AWS, no clock, no network."""

from __future__ import annotations

from tests.support.property_tests import use_profile

use_profile()
