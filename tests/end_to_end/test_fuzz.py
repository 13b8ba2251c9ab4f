"""Every request through the real HTTP route is answered 2xx or 4xx, and a 4xx stores nothing."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.property_tests import UNCHECKED
from tests.support.records import count, is_stored

if TYPE_CHECKING:
    from tools.local.stack import Stack

FAR = "2030-01-31T09:00:00+01:00"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
TIMES = st.just(FAR) | st.datetimes().map(lambda time: time.isoformat() + "Z") | st.text(max_size=30) | JSON
REQUESTS = st.fixed_dictionaries({}, optional={"pointInTime": TIMES, "payload": JSON, "more": JSON}).map(json.dumps)
GOOD = json.dumps({"pointInTime": FAR, "payload": {"a": [1, "é", None]}}).encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Generate a good request with a part replaced by other bytes."""
    start, end = sorted((draw(st.integers(0, len(GOOD))), draw(st.integers(0, len(GOOD)))))
    return GOOD[:start] + draw(st.binary(max_size=12)) + GOOD[end:]


BODIES = (
    st.binary(max_size=200)
    | REQUESTS.map(str.encode)
    | damaged()
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(str.strip)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json; charset=utf-8", "application/json;charset=latin-1"])
        | VALUES,
        "content-encoding": VALUES,
        "idempotency-key": VALUES,
    },
)


@pytest.mark.usefixtures("scenario")  # which counts what was posted, and is over by then
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=UNCHECKED)
@given(body=BODIES, headers=HEADERS)
@example(body=GOOD, headers={})
def test_any_request_is_accepted_or_refused(stack: Stack, body: bytes, headers: dict[str, str]) -> None:
    """GIVEN any body and headers WHEN they are posted THEN the answer is 201 and one record more, or 4xx and none."""
    before = count(stack)
    answer = stack.post(body, headers)
    assert answer.status == 201 or 400 <= answer.status < 500, answer
    if answer.status == 201:
        # No new record if the Idempotency-Key and the payload are repeated, or if the fast track has deleted it.
        assert count(stack) <= before + 1
        assert is_stored(stack, answer.body["scheduleId"]) or is_due_soon(answer.body["pointInTime"])
    else:
        assert count(stack) == before


def is_due_soon(point_in_time: str) -> bool:
    """Return whether the schedule is due within 900 s, so that it may have been handed over."""
    return datetime.fromisoformat(point_in_time).timestamp() < time.time() + 900
