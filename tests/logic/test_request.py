"""From an HTTP API event to a schedule, or to the problem that names the field at fault."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_schedule_post.problems import ProblemError
from api_schedule_post.request import MAX_BODY_BYTES, schedule_from_event
from api_schedule_post.settings import Settings
from delayer.schedules import MAX_MESSAGE_BYTES, Schedule
from tests.support.http_events import ROLE_ARN, body_text, http_event, iam_caller, jwt_caller

#: 2026-11-22T09:00:00Z
NOW = 1_795_338_000
HOUR = 3_600
DAY = 86_400
SETTINGS = Settings(horizon_seconds=3_650 * DAY, metrics_namespace="Delayer", shard_count=16, table_name="schedules")


def accept(event: dict[str, Any], now: float = NOW) -> Schedule:
    """The schedule of an event that is in order."""
    return schedule_from_event(event, now, SETTINGS)


def problem_of(event: dict[str, Any], now: float = NOW) -> tuple[int, str, str]:
    """Status, field and detail of the problem with an event."""
    with pytest.raises(ProblemError) as raised:
        schedule_from_event(event, now, SETTINGS)
    return raised.value.status, raised.value.field, raised.value.detail


def status_and_field(event: dict[str, Any], now: float = NOW) -> tuple[int, str]:
    """Status and field of the problem with an event."""
    return problem_of(event, now)[:2]


def in_utc(seconds: int) -> str:
    """A pointInTime that many seconds after NOW."""
    hours, rest = divmod(9 * HOUR + seconds, HOUR)
    return f"2026-11-22T{hours:02d}:{rest // 60:02d}:{rest % 60:02d}Z"


def test_a_request_becomes_a_schedule() -> None:
    """The pointInTime leads the sort key, the payload's text is kept, and the shard is one of the configured."""
    schedule = accept(http_event('{"payload": {"b": 1.0, "a": "\\u0041"}, "pointInTime": "2026-11-22T11:00:00+01:00"}'))
    assert schedule.due.startswith(f"{NOW + HOUR:012d}#")
    assert schedule.payload == r'{"b": 1.0, "a": "\u0041"}'
    assert schedule.shard in range(16)


@pytest.mark.parametrize("payload", [None, False, 0, "", [], {}])
def test_any_json_value_is_a_payload(payload: object) -> None:
    """What is falsy in Python is a payload like any other, not a missing one."""
    assert json.loads(accept(http_event(body_text(payload=payload))).payload) == payload


def test_new_schedules_spread_over_all_shards() -> None:
    """One partition key for everything takes a thousand writes a second: what the others get wrong."""
    event = http_event(body_text())
    assert {accept(event).shard for _ in range(1_000)} == set(range(16))


def test_the_same_request_twice_is_two_schedules() -> None:
    """Without an Idempotency-Key, every request is a schedule of its own."""
    event = http_event(body_text())
    assert accept(event).schedule_id != accept(event).schedule_id


class TestContentType:
    """The body is JSON in UTF-8, uncompressed, and says so."""

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
    def test_json_in_utf_8_is_taken(self, content_type: str) -> None:
        """Case, white space and parameters that change nothing are no fault."""
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
    def test_anything_else_is_415(self, content_type: str | None) -> None:
        """A missing content type, another one, an unknown +json, or another charset names the header at fault."""
        assert status_and_field(http_event(body_text(), content_type=content_type)) == (415, "content-type")

    @pytest.mark.parametrize(
        "content_type", ["application/json,application/json", "application/json; charset=utf-8, application/json"]
    )
    def test_a_doubled_content_type_is_named(self, content_type: str) -> None:
        """The gateway joins a header that was sent twice with a comma."""
        detail = "the content type stands more than once: send application/json once"
        assert problem_of(http_event(body_text(), content_type=content_type)) == (415, "content-type", detail)

    @pytest.mark.parametrize("name", ["Content-Type", "CONTENT-TYPE"])
    def test_header_names_have_no_case(self, name: str) -> None:
        """A header is found however its name is written."""
        assert accept(http_event(body_text(), {name: "application/json"}, content_type=None))

    def test_a_content_encoding_is_415(self) -> None:
        """A compressed body is refused as such, not as broken JSON."""
        event = http_event(b"\x1f\x8b\x08\x00", {"content-encoding": "gzip"})
        assert status_and_field(event) == (415, "content-encoding")

    @pytest.mark.parametrize("encoding", ["identity", "Identity, identity", ""])
    def test_identity_is_no_encoding(self, encoding: str) -> None:
        """The one content encoding that changes nothing, however often it is sent."""
        assert accept(http_event(body_text(), {"content-encoding": encoding}))

    def test_one_encoding_of_two_is_415(self) -> None:
        """The list is read to its end."""
        event = http_event(body_text(), {"content-encoding": "identity, gzip"})
        assert status_and_field(event) == (415, "content-encoding")


class TestBody:
    """The body, as text or as the gateway's base64."""

    def test_base64_by_the_gateway_is_decoded(self) -> None:
        """A body that the gateway took for binary is the same request."""
        body = '{"pointInTime": "2026-11-22T10:00:00Z", "payload": "Grüße 😀"}'
        assert accept(http_event(body.encode())).payload == accept(http_event(body)).payload == '"Grüße 😀"'

    @pytest.mark.parametrize("body", ["*", "e30", "e3=0", "é", "\ud800", "e30=\n"])
    def test_broken_base64_is_a_problem(self, body: str) -> None:
        """What only pretends to be base64, ASCII or not, names the body."""
        assert status_and_field(http_event(None) | {"body": body, "isBase64Encoded": True}) == (400, "body")

    @pytest.mark.parametrize("body", [b"\xff", b'{"payload": "\xc3("}', b'"\xed\xa0\x80"'])
    def test_bytes_that_are_not_utf_8_are_a_problem(self, body: bytes) -> None:
        """The answer to broken sequences and encoded surrogates differs from that to broken JSON."""
        assert problem_of(http_event(body)) == (400, "body", "the body is not UTF-8")

    @pytest.mark.parametrize("junk", [b"\xff", b"\xe9", b"\xc3(", b"\xe2\x82", b"\xed\xa0\x80", b"\xff\xf0\x9f\x98"])
    def test_bytes_replaced_on_the_way_are_a_problem(self, junk: bytes) -> None:
        """GIVEN invalid UTF-8 WHEN a gateway hands it on as text with U+FFFD THEN the length that was sent shows it."""
        sent = b'{"pointInTime": "2026-11-22T10:00:00Z", "payload": "' + junk + b'"}'
        event = http_event(sent.decode(errors="replace"), {"content-length": str(len(sent))})
        assert problem_of(event) == (400, "body", "the body is not UTF-8")

    @pytest.mark.parametrize("has_length", [True, False])
    def test_a_replacement_character_that_was_sent_is_kept(self, *, has_length: bool) -> None:
        """U+FFFD is a character like any other, with a content-length and, as HTTP/2 allows, without."""
        body = '{"pointInTime": "2026-11-22T10:00:00Z", "payload": "a\ufffd"}'
        headers = {"content-length": str(len(body.encode()))} if has_length else {}
        assert accept(http_event(body, headers)).payload == '"a\ufffd"'

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
    def test_another_unicode_encoding_is_named(self, encoding: str) -> None:
        """With a byte order mark or without, as base64 and, where the bytes happen to be UTF-8, as text."""
        raw = body_text().encode(encoding)
        expected = (400, "body", "the body looks like UTF-16 or UTF-32: send JSON in UTF-8")
        assert problem_of(http_event(raw)) == expected
        if encoding.endswith(("le", "be")):
            assert problem_of(http_event(raw.decode())) == expected

    @pytest.mark.parametrize("body", ["\ufeff" + body_text(), b"\xef\xbb\xbf" + body_text().encode()])
    def test_a_byte_order_mark_is_named(self, body: str | bytes) -> None:
        """JSON that is sent has none (RFC 8259, section 8.1), and it can't be seen in an editor."""
        problem = (400, "body", "the body begins with a byte order mark: send JSON without it")
        assert problem_of(http_event(body)) == problem

    def test_text_that_has_no_utf_8_is_a_problem(self) -> None:
        """A lone surrogate in an event's text can't have been UTF-8 either."""
        assert problem_of(http_event('"\ud800"')) == (400, "body", "the body is not UTF-8")

    @pytest.mark.parametrize("body", [None, "", b"", "  \r\n\t"])
    def test_an_empty_body_is_a_problem(self, body: str | bytes | None) -> None:
        """No body and a body of white space get a sentence of their own."""
        status, field, detail = problem_of(http_event(body))
        assert (status, field) == (400, "body")
        assert "empty" in detail

    @pytest.mark.parametrize("body", ["[" * 10_000_000, b"[" * 10_000_000])
    def test_a_huge_body_is_413_before_it_is_parsed(self, body: str | bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ten megabytes are refused for their size alone."""
        monkeypatch.setattr("api_schedule_post.request.object_members", None)
        assert status_and_field(http_event(body)) == (413, "body")

    def test_the_size_of_the_body_is_counted_in_bytes(self) -> None:
        """A body of two-byte characters is twice as long as its text."""
        body = '{"payload": "' + "é" * (MAX_BODY_BYTES // 2) + '"}'
        assert status_and_field(http_event(body)) == (413, "body")

    def test_white_space_up_to_the_limit_is_read(self) -> None:
        """Insignificant white space doesn't count against the queue, only against what is read at all."""
        body = body_text()
        padded = body + " " * (MAX_BODY_BYTES - len(body))
        assert accept(http_event(padded)).payload == "null"
        assert status_and_field(http_event(padded + " ")) == (413, "body")


class TestFields:
    """pointInTime and payload, both and nothing else."""

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
    def test_a_problem_names_the_field(self, body: str, field: str) -> None:
        """Each mistake is a 400 with the member at fault, or the body where it can't be read."""
        assert status_and_field(http_event(body)) == (400, field)

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            ("[]", "a JSON array"),
            (f"[{body_text()}]", "a JSON array"),
            ('"text"', "a JSON string"),
            ("1.5", "a JSON number"),
            ("true", "a JSON boolean"),
            ("null", "null"),
        ],
    )
    def test_json_that_is_no_object_is_named(self, body: str, kind: str) -> None:
        """It can be read as JSON, so the answer does not say that it can't."""
        detail = f"the body is {kind}: send a JSON object with pointInTime and payload"
        assert problem_of(http_event(body)) == (400, "body", detail)

    def test_a_doubled_field_is_named(self) -> None:
        """Parsers disagree about which of the two counts."""
        body = '{"pointInTime": "2026-11-22T10:00:00Z", "pointInTime": "2026-11-22T11:00:00Z", "payload": 1}'
        detail = "the body can't be read as JSON: the key 'pointInTime' stands twice in one object"
        assert problem_of(http_event(body)) == (400, "body", detail)

    def test_a_long_unknown_name_is_cut(self) -> None:
        """An answer doesn't echo more than a name's worth of what was sent."""
        status, field, detail = problem_of(http_event(json.dumps({"x" * 10_000: 1})))
        assert (status, field) == (400, "x" * 100)
        assert len(detail) < 300


class TestPointInTime:
    """How far back and ahead a pointInTime may lie."""

    def test_a_minute_ago_is_taken(self) -> None:
        """Clocks differ and requests take time: 60 s in the past is sent at once."""
        assert accept(http_event(body_text(in_utc(-60)))).point_in_time == NOW - 60

    def test_more_than_a_minute_ago_is_refused(self) -> None:
        """61 s in the past is a mistake, and the answer says what time it is here."""
        status, field, detail = problem_of(http_event(body_text(in_utc(-61))))
        assert (status, field) == (400, "pointInTime")
        assert "2026-11-22T09:00:00Z" in detail

    def test_the_minute_is_exact(self) -> None:
        """A fraction of the clock's second counts."""
        event = http_event(body_text(in_utc(-60)))
        assert status_and_field(event, now=NOW + 0.001) == (400, "pointInTime")

    def test_the_horizon_is_the_last_that_is_taken(self) -> None:
        """Ten years ahead is taken and a second more is not, with the days that the environment allows."""
        assert accept(http_event(body_text("2036-11-19T09:00:00Z"))).point_in_time == NOW + 3_650 * DAY
        status, field, detail = problem_of(http_event(body_text("2036-11-19T09:00:01Z")))
        assert (status, field) == (400, "pointInTime")
        assert "3650 days" in detail

    @pytest.mark.parametrize("text", ["9999-12-31T23:59:59.5-14:00", "0001-01-01T00:00:00+14:00"])
    def test_the_ends_of_the_calendar_are_refused(self, text: str) -> None:
        """What leads out of the calendar is beyond the horizon or past, like anything else."""
        assert status_and_field(http_event(body_text(text))) == (400, "pointInTime")


class TestSize:
    """What fits the queue is measured as it will be sent: body and attributes, in UTF-8."""

    #: What is left for the payload beside the rest of the body and the attributes.
    ROOM = MAX_MESSAGE_BYTES - Schedule(0, f"{NOW + HOUR:012d}#{'x' * 22}", "").message().size_bytes

    @pytest.mark.parametrize("character", ["x", "é", "€", "😀"])
    def test_a_payload_up_to_the_limit_is_taken(self, character: str) -> None:
        """One byte under and exactly at the limit fit, one byte over doesn't, whatever a character takes in UTF-8."""
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
                assert "262145 bytes in UTF-8, 1 more than the 262144" in detail

    def test_the_attributes_count(self) -> None:
        """A payload that fits as a body alone, and not with the attributes, is refused."""
        schedule = accept(http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": "{"x" * (self.ROOM - 2)}"}}'))
        message = schedule.message()
        attributes = sum(len(name) + len("String") + len(value) for name, value in message.attributes.items())
        assert len(message.body.encode()) + attributes == MAX_MESSAGE_BYTES

    def test_what_sqs_refuses_is_escaped(self) -> None:
        """U+FFFE and U+FFFF are JSON and no SQS: as escapes they mean the same."""
        payload = accept(
            http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": {{"\ufffe": "a\uffff\ufffd"}}}}')
        ).payload
        assert payload == '{"\\ufffe": "a\\uffff\ufffd"}'
        assert json.loads(payload) == {"\ufffe": "a\uffff\ufffd"}

    def test_escapes_count(self) -> None:
        """An escaped U+FFFF takes twice its three bytes, so half as many fit."""
        fits = (self.ROOM - 2) // 6
        assert accept(http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": "{"\uffff" * fits}"}}'))
        event = http_event(f'{{"pointInTime": "{in_utc(HOUR)}", "payload": "{"\uffff" * (fits + 1)}"}}')
        assert status_and_field(event) == (413, "payload")


class TestIdempotencyKey:
    """The same caller, key and payload are the same schedule."""

    @staticmethod
    def schedule_id(key: str = "k-1", payload: object = "p", caller: dict[str, Any] | None = None) -> str:
        """The id that a request gets."""
        event = http_event(body_text(payload=payload), {"idempotency-key": key}, caller=caller)
        return accept(event).schedule_id

    def test_the_same_request_is_the_same_schedule(self) -> None:
        """Posted again, even later, it gets the same scheduleId."""
        event = http_event(body_text(), {"idempotency-key": "k-1"})
        assert accept(event).schedule_id == accept(event, now=NOW + 30).schedule_id

    def test_another_key_payload_or_time_is_another_schedule(self) -> None:
        """Refusing it can't work: after the hand-over there is no record left to compare with."""
        later = http_event(body_text("2026-11-22T10:00:01Z", "p"), {"idempotency-key": "k-1"})
        ids = [
            self.schedule_id(),
            self.schedule_id(key="k-2"),
            self.schedule_id(payload="q"),
            accept(later).schedule_id,
        ]
        assert len(set(ids)) == 4

    def test_the_session_of_a_role_does_not_matter(self) -> None:
        """A caller that assumes its role anew, as after a crash, is the same caller."""
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
    def test_one_callers_key_never_meets_anothers(self, arn: str) -> None:
        """Another role, another account or a user is another caller."""
        assert self.schedule_id() != self.schedule_id(caller=iam_caller(arn))

    def test_users_of_one_path_are_told_apart(self) -> None:
        """Only a role's ARN ends in a session."""
        first, second = (iam_caller(f"arn:aws:iam::123456789012:user/team/{name}") for name in ("ann", "bob"))
        assert self.schedule_id(caller=first) != self.schedule_id(caller=second)

    def test_a_token_is_its_issuer_and_subject(self) -> None:
        """A renewed token is the same caller; another issuer's same subject is not."""
        token = jwt_caller("https://id.example", "u-1", iat="1", jti="a")
        renewed = jwt_caller("https://id.example", "u-1", iat="2", jti="b")
        assert self.schedule_id(caller=token) == self.schedule_id(caller=renewed)
        for other in (jwt_caller("https://id.example", "u-2"), jwt_caller("https://evil.example", "u-1")):
            assert self.schedule_id(caller=token) != self.schedule_id(caller=other)

    def test_parts_do_not_run_into_each_other(self) -> None:
        """Key and payload are told apart, however they are cut."""
        assert self.schedule_id(key='a"', payload="b") != self.schedule_id(key="a", payload='"b')

    @pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "schlüssel", "x" * 256, "a\n"])
    def test_a_key_of_other_characters_is_refused(self, key: str) -> None:
        """1 to 255 visible ASCII characters."""
        assert status_and_field(http_event(body_text(), {"Idempotency-Key": key})) == (400, "idempotency-key")

    @pytest.mark.parametrize(
        ("key", "detail"),
        [
            ("", "the key is empty: send 1 to 255 characters, or leave the header away"),
            ("  ", "the key is empty: send 1 to 255 characters, or leave the header away"),
            ("k-1,k-1", "the header stands more than once, or its key has a comma: send one key without a comma"),
            ("k-1, k-2", "the header stands more than once, or its key has a comma: send one key without a comma"),
            (",", "the header stands more than once, or its key has a comma: send one key without a comma"),
            ("a b", "the key has to be 1 to 255 visible ASCII characters without spaces"),
        ],
    )
    def test_a_refused_key_gets_a_sentence_that_fits(self, key: str, detail: str) -> None:
        """A header that was sent twice reaches the function as one, joined by a comma."""
        event = http_event(body_text(), {"idempotency-key": key})
        assert problem_of(event) == (400, "idempotency-key", detail)

    @pytest.mark.parametrize("key", ["!", "+", "-", "~", "a:b;c='d'", '"quoted"'])
    def test_any_other_visible_ascii_is_a_key(self, key: str) -> None:
        """Only the comma is left out."""
        assert self.schedule_id(key=key) == self.schedule_id(key=key)

    def test_the_longest_key_is_taken(self) -> None:
        """All of its characters count."""
        assert self.schedule_id(key="x" * 255) != self.schedule_id(key="x" * 254 + "y")

    def test_keyed_schedules_spread_over_all_shards(self) -> None:
        """The shard comes from the digest, so keys don't crowd into one."""
        assert {int(self.schedule_id(key=str(key))[:3]) for key in range(500)} == set(range(16))

    def test_one_shard_is_enough(self) -> None:
        """The smallest table works like any other."""
        one = replace(SETTINGS, shard_count=1)
        assert schedule_from_event(http_event(body_text()), NOW, one).shard == 0


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)
TIMES = st.sampled_from(["2026-11-22T10:00:00Z", "2026-11-22T10:00:00.5+14:00", "2026-02-30T00:00:00Z", ""]) | st.text()
REQUESTS = st.fixed_dictionaries({}, optional={"pointInTime": TIMES | JSON_LIKE, "payload": JSON_LIKE, "x": JSON_LIKE})
#: With the surrogates that json.dumps lets through as escapes.
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
def test_no_request_breaks_it(
    *, body: bytes | str | None, headers: dict[str, str], says_json: bool, is_base64: bool
) -> None:
    """Any bytes, any text and any headers become a schedule that is within all limits, or a 4xx that names a field."""
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
def test_no_bytes_in_place_of_a_payload_break_it(payload: bytes) -> None:
    """What stands where the payload should be is JSON or a problem with the body."""
    raw = b'{"pointInTime": "2026-11-22T10:00:00Z", "payload": ' + base64.b64decode(payload) + b"}"
    try:
        schedule = accept(http_event(raw))
    except ProblemError as problem:
        assert problem.status in {400, 413}  # noqa: PT017  (either outcome is right)
    else:
        assert json.loads(schedule.payload) == json.loads(raw)["payload"]
