"""Validation of HTTP API events."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_schedule_post.request import MAX_BODY_BYTES, schedules_from_event
from api_schedule_post.settings import Settings
from delayer.api import ProblemError
from delayer.schedules import MAX_MESSAGE_BYTES, Schedule
from tests.support.http_events import ROLE_ARN, body_text, http_event, iam_caller, jwt_caller

#: 2026-11-22T09:00:00Z
NOW = 1_795_338_000
HOUR = 3_600
DAY = 86_400
SETTINGS = Settings(horizon_seconds=3_650 * DAY, metrics_namespace="Delayer", shard_count=16, table_name="schedules")


def accept(event: dict[str, Any], now: float = NOW) -> Schedule:
    """Return the schedule of a valid event."""
    schedule = schedules_from_event(event, now, SETTINGS)
    assert isinstance(schedule, Schedule)
    return schedule


def problem_of(event: dict[str, Any], now: float = NOW) -> tuple[int, str, str]:
    """Return status, field and detail of the problem with an event."""
    with pytest.raises(ProblemError) as raised:
        schedules_from_event(event, now, SETTINGS)
    return raised.value.status, raised.value.field, raised.value.detail


def status_and_field(event: dict[str, Any], now: float = NOW) -> tuple[int, str]:
    """Return status and field of the problem with an event."""
    return problem_of(event, now)[:2]


def in_utc(seconds: int) -> str:
    """Return a pointInTime this many seconds after NOW."""
    hours, rest = divmod(9 * HOUR + seconds, HOUR)
    return f"2026-11-22T{hours:02d}:{rest // 60:02d}:{rest % 60:02d}Z"


def test_valid_request_returns_schedule() -> None:
    """The sort key starts with the pointInTime, the payload's text is unchanged, and the shard exists."""
    schedule = accept(http_event('{"payload": {"b": 1.0, "a": "\\u0041"}, "pointInTime": "2026-11-22T11:00:00+01:00"}'))
    assert schedule.due.startswith(f"{NOW + HOUR:012d}#")
    assert schedule.payload == r'{"b": 1.0, "a": "\u0041"}'
    assert schedule.shard in range(16)


@pytest.mark.parametrize("payload", [None, False, 0, "", [], {}])
def test_payload_may_be_any_json_value(payload: object) -> None:
    """A value that is falsy in Python is not a missing payload."""
    assert json.loads(accept(http_event(body_text(payload=payload))).payload) == payload


def test_new_schedules_spread_over_all_shards() -> None:
    """Other schedulers use one partition key for everything, which accepts a thousand writes a second."""
    event = http_event(body_text())
    assert {accept(event).shard for _ in range(1_000)} == set(range(16))


def test_repeated_request_without_key_is_another_schedule() -> None:
    """Only an Idempotency-Key makes two requests one schedule."""
    event = http_event(body_text())
    assert accept(event).schedule_id != accept(event).schedule_id


class TestContentType:
    """The body must be declared as uncompressed JSON in UTF-8."""

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "Application/JSON",
            " application/json ;",
            "application/json; charset=utf-8",
            'application/json;charset="UTF-8"',
            "application/json; charset=utf8; version=1",
        ],
    )
    def test_json_in_utf_8_is_accepted(self, content_type: str) -> None:
        """Case, white space and irrelevant parameters are ignored."""
        assert accept(http_event(body_text(), content_type=content_type))

    @pytest.mark.parametrize(
        "content_type",
        [
            None,
            "",
            "text/plain",
            "application/vnd.api+json",
            "application/problem+json",
            "application/x-www-form-urlencoded",
            "application/json, application/json",
            "application/json; charset=utf-16",
            "application/json; charset=iso-8859-1",
        ],
    )
    def test_other_content_type_is_415(self, content_type: str | None) -> None:
        """A missing content type, another type, an unknown +json and another charset are refused."""
        assert status_and_field(http_event(body_text(), content_type=content_type)) == (415, "content-type")

    @pytest.mark.parametrize(
        "content_type", ["application/json,application/json", "application/json; charset=utf-8, application/json"]
    )
    def test_repeated_content_type_is_named(self, content_type: str) -> None:
        """The gateway joins the values of a repeated header with a comma."""
        detail = "the header was sent more than once: send application/json once"
        assert problem_of(http_event(body_text(), content_type=content_type)) == (415, "content-type", detail)

    @pytest.mark.parametrize("name", ["Content-Type", "CONTENT-TYPE"])
    def test_header_names_are_case_insensitive(self, name: str) -> None:
        """A header may be written in any case."""
        assert accept(http_event(body_text(), {name: "application/json"}, content_type=None))

    def test_compressed_body_is_415(self) -> None:
        """The problem names the content encoding, not invalid JSON."""
        event = http_event(b"\x1f\x8b\x08\x00", {"content-encoding": "gzip"})
        assert status_and_field(event) == (415, "content-encoding")

    @pytest.mark.parametrize("encoding", ["identity", "Identity, identity", ""])
    def test_content_encoding_identity_is_accepted(self, encoding: str) -> None:
        """This encoding changes nothing, and may be repeated."""
        assert accept(http_event(body_text(), {"content-encoding": encoding}))

    def test_identity_with_another_encoding_is_415(self) -> None:
        """Every encoding in the list counts."""
        event = http_event(body_text(), {"content-encoding": "identity, gzip"})
        assert status_and_field(event) == (415, "content-encoding")


class TestBody:
    """The gateway passes the body as text or as base64."""

    def test_base64_of_the_gateway_is_decoded(self) -> None:
        """A body that the gateway treats as binary is the same request."""
        body = '{"pointInTime": "2026-11-22T10:00:00Z", "payload": "Grüße 😀"}'
        assert accept(http_event(body.encode())).payload == accept(http_event(body)).payload == '"Grüße 😀"'

    @pytest.mark.parametrize("body", ["*", "e30", "e3=0", "é", "\ud800", "e30=\n"])
    def test_invalid_base64_is_400(self, body: str) -> None:
        """The problem names the body, for ASCII and other text."""
        assert status_and_field(http_event(None) | {"body": body, "isBase64Encoded": True}) == (400, "body")

    @pytest.mark.parametrize("body", [b"\xff", b'{"payload": "\xc3("}', b'"\xed\xa0\x80"'])
    def test_invalid_utf_8_is_400(self, body: bytes) -> None:
        """The detail for invalid sequences and encoded surrogates differs from that for invalid JSON."""
        assert problem_of(http_event(body)) == (400, "body", "the body is not valid UTF-8")

    @pytest.mark.parametrize("junk", [b"\xff", b"\xe9", b"\xc3(", b"\xe2\x82", b"\xed\xa0\x80", b"\xff\xf0\x9f\x98"])
    def test_invalid_utf_8_replaced_by_the_gateway_is_400(self, junk: bytes) -> None:
        """GIVEN invalid UTF-8 WHEN the gateway replaces it with U+FFFD THEN the content-length shows it."""
        sent = b'{"pointInTime": "2026-11-22T10:00:00Z", "payload": "' + junk + b'"}'
        event = http_event(sent.decode(errors="replace"), {"content-length": str(len(sent))})
        assert problem_of(event) == (400, "body", "the body is not valid UTF-8")

    @pytest.mark.parametrize("has_length", [True, False])
    def test_replacement_character_of_the_caller_is_kept(self, *, has_length: bool) -> None:
        """A caller may send U+FFFD, with a content-length and, as HTTP/2 allows, without."""
        body = '{"pointInTime": "2026-11-22T10:00:00Z", "payload": "a\ufffd"}'
        headers = {"content-length": str(len(body.encode()))} if has_length else {}
        assert accept(http_event(body, headers)).payload == '"a\ufffd"'

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
    def test_other_unicode_encoding_is_named(self, encoding: str) -> None:
        """It is detected with and without a byte order mark, as base64 and, if the bytes are valid UTF-8, as text."""
        raw = body_text().encode(encoding)
        expected = (400, "body", "the body looks like UTF-16 or UTF-32: send JSON in UTF-8")
        assert problem_of(http_event(raw)) == expected
        if encoding.endswith(("le", "be")):
            assert problem_of(http_event(raw.decode())) == expected

    @pytest.mark.parametrize("body", ["\ufeff" + body_text(), b"\xef\xbb\xbf" + body_text().encode()])
    def test_byte_order_mark_is_named(self, body: str | bytes) -> None:
        """JSON on a network must not have one (RFC 8259, section 8.1), and editors don't show it."""
        problem = (400, "body", "the body starts with a byte order mark: send JSON without it")
        assert problem_of(http_event(body)) == problem

    def test_lone_surrogate_in_the_event_is_400(self) -> None:
        """Such a body was not valid UTF-8 either."""
        assert problem_of(http_event('"\ud800"')) == (400, "body", "the body is not valid UTF-8")

    @pytest.mark.parametrize("body", [None, "", b"", "  \r\n\t"])
    def test_empty_body_is_400(self, body: str | bytes | None) -> None:
        """A missing body and one of white space have the same detail."""
        status, field, detail = problem_of(http_event(body))
        assert (status, field) == (400, "body")
        assert "empty" in detail

    @pytest.mark.parametrize("body", ["[" * 10_000_000, b"[" * 10_000_000])
    def test_huge_body_is_413_before_it_is_parsed(self, body: str | bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ten megabytes are refused for their size alone."""
        monkeypatch.setattr("api_schedule_post.request.object_members", None)
        assert status_and_field(http_event(body)) == (413, "body")

    def test_size_of_the_body_is_counted_in_bytes(self) -> None:
        """Two-byte characters count twice."""
        body = '{"payload": "' + "é" * (MAX_BODY_BYTES // 2) + '"}'
        assert status_and_field(http_event(body)) == (413, "body")

    def test_white_space_counts_only_for_the_size_of_the_body(self) -> None:
        """Insignificant white space is not part of the message, so the queue's limit does not apply."""
        body = body_text()
        padded = body + " " * (MAX_BODY_BYTES - len(body))
        assert accept(http_event(padded)).payload == "null"
        assert status_and_field(http_event(padded + " ")) == (413, "body")


class TestFields:
    """The fields are pointInTime and payload. Both are required."""

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ("not json", "body"),
            ("[]", "body"),
            ('"text"', "body"),
            ('{"pointInTime": "2026-11-22T10:00:00Z", "payload": 1} {}', "body"),
            ('{"pointInTime": "2026-11-22T10:00:00Z", "payload": NaN}', "body"),
            ('{"pointInTime": "2026-11-22T10:00:00Z", "payload": {"a": 1, "a": 2}}', "body"),
            (r'{"pointInTime": "2026-11-22T10:00:00Z", "payload": "\ud800"}', "body"),
            ('{"pointInTime": "2026-11-22T10:00:00Z", "payload": ' + "[" * 100_000 + "}", "body"),
            ("{}", "pointInTime"),
            ('{"payload": 1}', "pointInTime"),
            ('{"pointInTime": "2026-11-22T10:00:00Z"}', "payload"),
            ('{"pointInTime": "2026-11-22T10:00:00Z", "payload": 1, "delay": 5}', "delay"),
            ('{"pointintime": "2026-11-22T10:00:00Z", "payload": 1}', "pointintime"),
            ('{"": 1}', ""),
            ('{"pointInTime": 1795341600, "payload": 1}', "pointInTime"),
            ('{"pointInTime": 2026, "payload": 1}', "pointInTime"),
            ('{"pointInTime": null, "payload": 1}', "pointInTime"),
            ('{"pointInTime": ["2026-11-22T10:00:00Z"], "payload": 1}', "pointInTime"),
            ('{"pointInTime": "tomorrow", "payload": 1}', "pointInTime"),
            ('{"pointInTime": "2026-11-22T10:00:00", "payload": 1}', "pointInTime"),
            ('{"pointInTime": "2026-02-30T10:00:00Z", "payload": 1}', "pointInTime"),
        ],
    )
    def test_problem_names_the_field(self, body: str, field: str) -> None:
        """Each mistake is a 400 with the wrong member, or `body` if it can't be parsed."""
        assert status_and_field(http_event(body)) == (400, field)

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            ('"text"', "a JSON string"),
            ("1.5", "a JSON number"),
            ("true", "a JSON boolean"),
            ("null", "null"),
        ],
    )
    def test_other_json_value_is_named(self, body: str, kind: str) -> None:
        """The body is valid JSON, so the detail differs from that for invalid JSON."""
        detail = f"the body is {kind}: send a JSON object with pointInTime and payload"
        assert problem_of(http_event(body)) == (400, "body", detail)

    def test_repeated_field_is_named(self) -> None:
        """Parsers disagree about which of the two counts."""
        body = '{"pointInTime": "2026-11-22T10:00:00Z", "pointInTime": "2026-11-22T11:00:00Z", "payload": 1}'
        detail = "the body can't be parsed as JSON: the key 'pointInTime' appears twice in one object"
        assert problem_of(http_event(body)) == (400, "body", detail)

    def test_long_unknown_name_is_cut(self) -> None:
        """The answer quotes at most 100 characters."""
        status, field, detail = problem_of(http_event(json.dumps({"x" * 10_000: 1})))
        assert (status, field) == (400, "x" * 100)
        assert len(detail) < 300


class TestPointInTime:
    """A pointInTime has limits in the past and in the future."""

    def test_60_s_in_the_past_is_accepted(self) -> None:
        """Clocks differ and requests take time. The message is sent at once."""
        assert accept(http_event(body_text(in_utc(-60)))).point_in_time == NOW - 60

    def test_61_s_in_the_past_is_refused(self) -> None:
        """The detail has the function's time."""
        status, field, detail = problem_of(http_event(body_text(in_utc(-61))))
        assert (status, field) == (400, "pointInTime")
        assert "2026-11-22T09:00:00Z" in detail

    def test_fraction_of_the_current_second_counts(self) -> None:
        """60.001 s in the past is refused."""
        event = http_event(body_text(in_utc(-60)))
        assert status_and_field(event, now=NOW + 0.001) == (400, "pointInTime")

    def test_second_beyond_the_horizon_is_refused(self) -> None:
        """The horizon itself is accepted. The detail has its days."""
        assert accept(http_event(body_text("2036-11-19T09:00:00Z"))).point_in_time == NOW + 3_650 * DAY
        status, field, detail = problem_of(http_event(body_text("2036-11-19T09:00:01Z")))
        assert (status, field) == (400, "pointInTime")
        assert "3650 days" in detail

    @pytest.mark.parametrize("text", ["9999-12-31T23:59:59.5-14:00", "0001-01-01T00:00:00+14:00"])
    def test_times_beyond_the_calendar_are_refused(self, text: str) -> None:
        """They are past or beyond the horizon."""
        assert status_and_field(http_event(body_text(text))) == (400, "pointInTime")


class TestSize:
    """The size of the whole message counts: body and attributes, in UTF-8."""

    #: The bytes that the rest of the message leaves for the payload.
    ROOM = MAX_MESSAGE_BYTES - Schedule(0, f"{NOW + HOUR:012d}#{'x' * 22}", "").message().size_bytes

    @pytest.mark.parametrize("character", ["x", "é", "€", "😀"])
    def test_payload_one_byte_over_the_limit_is_413(self, character: str) -> None:
        """A payload at the limit is accepted. Characters of one to four bytes are counted right."""
        width = len(character.encode())
        count, fill = divmod(self.ROOM - 2, width)
        for spare, fits in ((1, True), (0, True), (-1, False)):
            text = character * (count - 1) + "x" * (width + fill - spare)
            event = http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": "{text}"}}')
            if fits:
                assert accept(event).message().size_bytes == MAX_MESSAGE_BYTES - spare
            else:
                status, field, detail = problem_of(event)
                assert (status, field) == (413, "payload")
                assert "262145 bytes in UTF-8, 1 more than the queue's limit of 262144" in detail

    def test_attributes_count(self) -> None:
        """The largest payload leaves room for the attributes."""
        schedule = accept(http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": "{"x" * (self.ROOM - 2)}"}}'))
        message = schedule.message()
        attributes = sum(len(name) + len("String") + len(value) for name, value in message.attributes.items())
        assert len(message.body.encode()) + attributes == MAX_MESSAGE_BYTES

    def test_characters_that_sqs_refuses_are_escaped(self) -> None:
        """U+FFFE and U+FFFF are valid JSON. As escapes they mean the same."""
        payload = accept(
            http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": {{"\ufffe": "a\uffff\ufffd"}}}}')
        ).payload
        assert payload == '{"\\ufffe": "a\\uffff\ufffd"}'
        assert json.loads(payload) == {"\ufffe": "a\uffff\ufffd"}

    def test_escaped_size_counts(self) -> None:
        """An escaped U+FFFF has six bytes instead of three."""
        fits = (self.ROOM - 2) // 6
        assert accept(http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": "{"\uffff" * fits}"}}'))
        event = http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": "{"\uffff" * (fits + 1)}"}}')
        assert status_and_field(event) == (413, "payload")


class TestIdempotencyKey:
    """The same caller, key, payload and pointInTime are the same schedule."""

    @staticmethod
    def schedule_id(key: str = "k-1", payload: object = "p", caller: dict[str, Any] | None = None) -> str:
        """Return the scheduleId of a request."""
        event = http_event(body_text(payload=payload), {"idempotency-key": key}, caller=caller)
        return accept(event).schedule_id

    def test_repeated_request_is_same_schedule(self) -> None:
        """A request that is repeated later gets the same scheduleId."""
        event = http_event(body_text(), {"idempotency-key": "k-1"})
        assert accept(event).schedule_id == accept(event, now=NOW + 30).schedule_id

    def test_other_key_payload_or_time_is_another_schedule(self) -> None:
        """It can't be refused: after the hand-over there is no record to compare with."""
        later = http_event(body_text("2026-11-22T10:00:01Z", "p"), {"idempotency-key": "k-1"})
        ids = [
            self.schedule_id(),
            self.schedule_id(key="k-2"),
            self.schedule_id(payload="q"),
            accept(later).schedule_id,
        ]
        assert len(set(ids)) == 4

    def test_session_of_a_role_is_ignored(self) -> None:
        """A caller that assumes its role again, for example after a crash, is the same caller."""
        other_session = iam_caller(ROLE_ARN.replace("session-1", "session-2"))
        assert self.schedule_id() == self.schedule_id(caller=other_session)

    @pytest.mark.parametrize(
        "arn",
        [
            "arn:aws:sts::123456789012:assumed-role/billing/session-1",
            "arn:aws:sts::210987654321:assumed-role/orders/session-1",
            "arn:aws:iam::123456789012:user/orders",
            "arn:aws:iam::123456789012:user/team/orders",
        ],
    )
    def test_same_key_of_another_caller_is_another_schedule(self, arn: str) -> None:
        """Another role, another account and a user are other callers."""
        assert self.schedule_id() != self.schedule_id(caller=iam_caller(arn))

    def test_users_with_the_same_path_are_different_callers(self) -> None:
        """Only the ARN of a role ends with a session."""
        first, second = (iam_caller(f"arn:aws:iam::123456789012:user/team/{name}") for name in ("ann", "bob"))
        assert self.schedule_id(caller=first) != self.schedule_id(caller=second)

    def test_caller_with_a_token_is_its_issuer_and_subject(self) -> None:
        """A renewed token is the same caller. The same subject of another issuer is another caller."""
        token = jwt_caller("https://id.example", "u-1", iat="1", jti="a")
        renewed = jwt_caller("https://id.example", "u-1", iat="2", jti="b")
        assert self.schedule_id(caller=token) == self.schedule_id(caller=renewed)
        for other in (jwt_caller("https://id.example", "u-2"), jwt_caller("https://evil.example", "u-1")):
            assert self.schedule_id(caller=token) != self.schedule_id(caller=other)

    def test_key_and_payload_are_separated(self) -> None:
        """A quote moved from the key to the payload makes another schedule."""
        assert self.schedule_id(key='a"', payload="b") != self.schedule_id(key="a", payload='"b')

    @pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "schlüssel", "x" * 256, "a\n"])
    def test_invalid_key_is_400(self, key: str) -> None:
        """A key has 1 to 255 visible ASCII characters."""
        assert status_and_field(http_event(body_text(), {"Idempotency-Key": key})) == (400, "idempotency-key")

    @pytest.mark.parametrize(
        ("key", "detail"),
        [
            ("", "the key is empty: send 1 to 255 characters, or omit the header"),
            ("  ", "the key is empty: send 1 to 255 characters, or omit the header"),
            (
                "k-1,k-1",
                "the header was sent more than once, or the key contains a comma: send one key without a comma",
            ),
            (
                "k-1, k-2",
                "the header was sent more than once, or the key contains a comma: send one key without a comma",
            ),
            (",", "the header was sent more than once, or the key contains a comma: send one key without a comma"),
            ("a b", "the key must be 1 to 255 visible ASCII characters without spaces"),
        ],
    )
    def test_invalid_key_has_a_detail_with_the_reason(self, key: str, detail: str) -> None:
        """The gateway joins the values of a repeated header with a comma."""
        event = http_event(body_text(), {"idempotency-key": key})
        assert problem_of(event) == (400, "idempotency-key", detail)

    @pytest.mark.parametrize("key", ["!", "+", "-", "~", "a:b;c='d'", '"quoted"'])
    def test_other_visible_ascii_characters_are_accepted(self, key: str) -> None:
        """Only the comma is not allowed."""
        assert self.schedule_id(key=key) == self.schedule_id(key=key)

    def test_longest_key_counts_to_its_last_character(self) -> None:
        """A key of 255 characters is accepted, and not cut."""
        assert self.schedule_id(key="x" * 255) != self.schedule_id(key="x" * 254 + "y")

    def test_schedules_with_keys_spread_over_all_shards(self) -> None:
        """The shard comes from the digest."""
        assert {int(self.schedule_id(key=str(key))[:3]) for key in range(500)} == set(range(16))

    def test_table_with_one_shard_is_supported(self) -> None:
        """The only shard is 0."""
        one = replace(SETTINGS, shard_count=1)
        schedule = schedules_from_event(http_event(body_text()), NOW, one)
        assert isinstance(schedule, Schedule)
        assert schedule.shard == 0


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)
TIMES = st.sampled_from(["2026-11-22T10:00:00Z", "2026-11-22T10:00:00.5+14:00", "2026-02-30T00:00:00Z", ""]) | st.text()
REQUESTS = st.fixed_dictionaries({}, optional={"pointInTime": TIMES | JSON_LIKE, "payload": JSON_LIKE, "x": JSON_LIKE})
#: With surrogates, which json.dumps writes as escapes.
BODIES = st.one_of(
    st.none(),
    st.binary(),
    st.text(st.characters()),
    REQUESTS.map(json.dumps),
    REQUESTS.map(lambda request: json.dumps(request).encode("utf-16")),
    REQUESTS.map(lambda request: json.dumps(request, ensure_ascii=False).encode("utf-8", "surrogatepass")),
)
HEADERS = st.dictionaries(
    st.text() | st.sampled_from(["Content-Type", "content-encoding", "Idempotency-Key"]),
    st.text() | st.sampled_from(["application/json", "application/json;charset=", "identity", "k"]),
    max_size=4,
)


@given(body=BODIES, headers=HEADERS, says_json=st.booleans(), is_base64=st.booleans())
def test_any_request_is_accepted_or_refused(
    *, body: bytes | str | None, headers: dict[str, str], says_json: bool, is_base64: bool
) -> None:
    """Any body and headers give a schedule within all limits, or a problem with 4xx."""
    event = http_event(body, headers, content_type="application/json" if says_json else None)
    if is_base64:
        event["isBase64Encoded"] = True
    try:
        schedule = accept(event)
    except ProblemError as problem:
        assert 400 <= problem.status < 500  # noqa: PT017  (either outcome is right)
        assert json.dumps(problem.document()).encode()  # noqa: PT017
    else:
        assert NOW - 60 <= schedule.point_in_time <= NOW + SETTINGS.horizon_seconds
        assert schedule.message().size_bytes <= MAX_MESSAGE_BYTES
        assert json.loads(schedule.message().body)["scheduleId"] == schedule.schedule_id


@given(st.binary(max_size=200).map(base64.b64encode))
def test_any_bytes_as_payload_are_accepted_or_refused(payload: bytes) -> None:
    """Bytes in place of the payload are JSON or give a problem."""
    raw = b'{"pointInTime": "2026-11-22T10:00:00Z", "payload": ' + base64.b64decode(payload) + b"}"
    try:
        schedule = accept(http_event(raw))
    except ProblemError as problem:
        assert problem.status in {400, 413}  # noqa: PT017  (either outcome is right)
    else:
        assert json.loads(schedule.payload) == json.loads(raw)["payload"]
