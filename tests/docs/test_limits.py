"""docs/limits.md has the limits of the code."""

from __future__ import annotations

import re

import pytest

from api_schedule_get.request import MAX_LIMIT
from api_schedule_post.json_text import MAX_NESTING
from api_schedule_post.request import MAX_ARRAY_BYTES, MAX_BODY_BYTES, MAX_PAST_SECONDS, MAX_SCHEDULES
from delayer.delayer_queue import BYTES_PER_CALL, MESSAGES_PER_CALL
from delayer.schedule_table import WRITES_PER_CALL
from delayer.schedules import CANCELLABLE_SECONDS, MAX_DELAY_SECONDS, MAX_MESSAGE_BYTES, MAX_SHARDS
from tests.support.documents import ROOT

_ROWS = dict(
    re.findall(r"^\| ([^|]+) \| ([^|]+) \|", (ROOT / "docs" / "limits.md").read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("pointInTime in the past", f"{MAX_PAST_SECONDS} s"),
        ("a message: body and attributes", f"{MAX_MESSAGE_BYTES:,} bytes"),
        ("a request's body", f"{MAX_BODY_BYTES:,} bytes"),
        ("nesting of JSON", f"{MAX_NESTING:,} levels"),
        ("a message's delay", f"{MAX_DELAY_SECONDS} s"),
        ("shards", f"{MAX_SHARDS:,}"),
        ("a request's body with an array", f"{MAX_ARRAY_BYTES:,} bytes"),
        ("schedules per request", f"{MAX_SCHEDULES:,}"),
        ("schedules per page of a list", f"{MAX_LIMIT:,}"),
        ("cancelling", f"more than {CANCELLABLE_SECONDS} s before the pointInTime"),
        ("writes per BatchWriteItem call", f"{WRITES_PER_CALL}"),
        ("messages per SendMessageBatch call", f"{MESSAGES_PER_CALL}, and {BYTES_PER_CALL:,} bytes"),
    ],
)
def test_page_has_the_limit_of_the_code(limit: str, value: str) -> None:
    """In the row of that name."""
    assert _ROWS[limit] == value
