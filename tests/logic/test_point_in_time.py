"""Parsing of a pointInTime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delayer.point_in_time import parse_point_in_time

#: 2026-11-22T09:00:00Z
NINE = 1_795_338_000


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T09:00:00Z",
        "2026-11-22t09:00:00z",
        "2026-11-22T10:00:00+01:00",
        "2026-11-22T03:30:00-05:30",
        "2026-11-22T23:00:00+14:00",
        "2026-11-21T21:00:00-12:00",
        "2026-11-22T09:00:00-00:00",
        "2026-11-22T09:00:00+00:00",
        "2026-11-23T08:59:00+23:59",
        "2026-11-21T09:01:00-23:59",
    ],
)
def test_same_instant_with_any_offset_is_same_second(text: str) -> None:
    """The offset only shifts the local time."""
    assert parse_point_in_time(text) == NINE


@pytest.mark.parametrize(
    ("fraction", "rounded_up"),
    [
        (".000", 0),
        (".0", 0),
        (".000000000000", 0),
        (".5", 1),
        (".999", 1),
        (".001", 1),
        (".0000001", 1),
        (".000000000000000000001", 1),
    ],
)
def test_fraction_is_rounded_up(fraction: str, rounded_up: int) -> None:
    """Any fraction, even in a digit that datetime would drop, means the next second, so that no message is early."""
    assert parse_point_in_time(f"2026-11-22T09:00:00{fraction}Z") == NINE + rounded_up


def test_fraction_at_the_end_of_a_year_is_next_year() -> None:
    """The last fraction of a year is rounded up to the first second of the next."""
    assert parse_point_in_time("2026-12-31T23:59:59.1Z") == parse_point_in_time("2027-01-01T00:00:00Z")


def test_29_february_of_a_leap_year_is_accepted() -> None:
    """A leap day exists in a leap year."""
    assert parse_point_in_time("2028-02-29T00:00:00Z") == 1_835_395_200


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.5-14:00",
    ],
)
def test_times_beyond_the_calendar_cause_no_overflow(text: str) -> None:
    """An offset may lead out of the calendar. The horizon refuses such a time later."""
    assert not 0 <= parse_point_in_time(text) < 253_402_300_799


def test_last_second_of_year_9999_is_accepted() -> None:
    """The whole calendar is accepted."""
    assert parse_point_in_time("9999-12-31T23:59:59Z") == 253_402_300_799


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-02-30T00:00:00Z", "does not exist"),
        ("2026-02-29T00:00:00Z", "does not exist"),
        ("2026-13-01T00:00:00Z", "does not exist"),
        ("2026-00-10T00:00:00Z", "does not exist"),
        ("0000-01-01T00:00:00Z", "does not exist"),
        ("2026-11-22T25:00:00Z", "does not exist"),
        ("2026-11-22T09:60:00Z", "does not exist"),
        ("2026-11-22T09:00:61Z", "does not exist"),
        ("2026-11-22T24:00:00Z", "write midnight as 00:00 of the next day"),
        ("2016-12-31T23:59:60Z", "leap second"),
        ("2026-11-22T09:00:00", "no offset"),
        ("2026-11-22T09:00:00.25", "no offset"),
        ("2026-11-22T09:00:00+24:00", "invalid offset"),
        ("2026-11-22T09:00:00-23:60", "invalid offset"),
    ],
)
def test_invalid_time_raises_an_error_with_the_reason(text: str, reason: str) -> None:
    """Each kind of mistake has its own message."""
    with pytest.raises(ValueError, match=reason):
        parse_point_in_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1795338000",
        "2026-11-22",
        "2026-11-22T09:00Z",
        "2026-11-22 09:00:00Z",
        " 2026-11-22T09:00:00Z",
        "2026-11-22T09:00:00Z ",
        "2026-11-22T09:00:00Z\n",
        "2026-W47-7T09:00:00Z",
        "2026-326T09:00:00Z",
        "20261122T090000Z",
        "2026-11-22T09:00:00+0100",
        "2026-11-22T09:00:00+01",
        "2026-11-22T09:00:00 +01:00",
        "2026-11-22T09:00:00\N{MINUS SIGN}01:00",
        "2026-11-22T09:00:00,5Z",
        "2026-11-22T09:00:00.Z",
        "+2026-11-22T09:00:00Z",
        "12026-11-22T09:00:00Z",
        "-026-11-22T09:00:00Z",
        "٢٠٢٦-11-22T09:00:00Z",
        "2026-11-22T09:00:0\N{FULLWIDTH DIGIT ZERO}Z",
        "2026-11-22T09:00:00.\N{SUPERSCRIPT TWO}Z",
    ],
)
def test_only_rfc_3339_is_accepted(text: str) -> None:
    """ISO 8601 has more forms (weeks, ordinal days, no separators), and Python accepts more digits."""
    with pytest.raises(ValueError, match="is not an RFC 3339 time"):
        parse_point_in_time(text)


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001  (the strategy adds no zone)
    st.integers(-1439, 1439),
)
def test_any_time_agrees_with_the_calendar(moment: datetime, offset_minutes: int) -> None:
    """For any date and offset, the result is the calendar's second, and a fraction is never rounded down."""
    hours, minutes = divmod(abs(offset_minutes), 60)
    text = f"{moment.isoformat()}{'-' if offset_minutes < 0 else '+'}{hours:02d}:{minutes:02d}"
    exact = moment.replace(tzinfo=UTC) - timedelta(minutes=offset_minutes) - datetime(1970, 1, 1, tzinfo=UTC)
    assert timedelta() <= timedelta(seconds=parse_point_in_time(text)) - exact < timedelta(seconds=1)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Any text is a time or raises a ValueError."""
    try:
        parse_point_in_time(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017  (either outcome is right; an error needs a message)
