"""Which JSON is taken, and that its text is kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_schedule_post.json_text import MAX_NESTING, JsonTextError, NotAnObjectError, Number, object_members


def text_of(payload: str) -> str:
    """The text that is kept of a payload written like this."""
    return object_members(f'{{"payload": {payload} }}')["payload"].text


@pytest.mark.parametrize(
    "payload",
    [
        '{"b": 1, "a": 2}',
        '{"z":{"y":{"x":null}},"a":[true,false]}',
        r'"\u0041\/\b\"\\"',
        r'"\ud83d\ude00"',
        '"😀"',
        "1.10",
        "-0",
        "1E+2",
        "1e400",
        "-1e-400",
        "12345678901234567890123",
        "0.1000000000000000055511151231257827",
        "9" * 5_000,
        '""',
        "[]",
        "{}",
        "[ 1,\t2,\r\n3 ]",
    ],
)
def test_the_text_of_a_value_is_kept(payload: str) -> None:
    """Key order, escapes, white space and every digit of a number are handed on as they were written."""
    assert text_of(payload) == payload


def test_a_number_is_not_converted() -> None:
    """A value that is a number can be told from a string, whatever its size."""
    value = object_members('{"a": 1e400}')["a"].value
    assert (type(value), value) == (Number, "1e400")


def test_every_member_is_found() -> None:
    """White space anywhere between the tokens, and none at all, is the same object."""
    members = object_members('\t{ "a" :1,\r\n"b":[2] , "c":"x"}\n')
    assert {key: member.text for key, member in members.items()} == {"a": "1", "b": "[2]", "c": '"x"'}
    assert object_members(" { } ") == {}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[]", "a JSON array"),
        ('[{"a": 1}]', "a JSON array"),
        ('"text"', "a JSON string"),
        ("1", "a JSON number"),
        ("-1.5e3", "a JSON number"),
        ("true", "a JSON boolean"),
        ("null", "null"),
    ],
)
def test_json_that_is_no_object_is_refused_by_its_kind(text: str, kind: str) -> None:
    """The error differs from that for text that is no JSON."""
    with pytest.raises(NotAnObjectError) as caught:
        object_members(text)
    assert str(caught.value) == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "}",
        "hello",
        "{'a': 1}",
        "{a: 1}",
        '{"a" 1}',
        '{"a": }',
        '{"a": 1,}',
        '{"a": 1 "b": 2}',
        '{"a": 1;}',
        '{,"a": 1}',
        '{"a": [1,]}',
        '{"a": 01}',
        '{"a": +1}',
        '{"a": .5}',
        '{"a": 1.}',
        '{"a": 0x10}',
        '{"a": 1_000}',
        '{"a": True}',
        '{"a": "\\x41"}',
        '{"a": "\\u00g1"}',
        '{"a": "unended}',
        '{"a": // comment\n 1}',
        '{"a": 1}\N{NO-BREAK SPACE}',
        '{"a":\x0b1}',
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: str) -> None:
    """The message says at which line and column the text stops being JSON."""
    with pytest.raises(JsonTextError, match=r"at line \d+, column \d+"):
        object_members(text)


@pytest.mark.parametrize("text", ['{"a": 1} x', '{"a": 1}{"a": 1}', '{"a": 1}]', "[1] [2]", '{"a": 1}\0'])
def test_trailing_data_is_refused(text: str) -> None:
    """One body is one JSON text."""
    with pytest.raises(JsonTextError, match="Extra data"):
        object_members(text)


def test_a_byte_order_mark_is_refused() -> None:
    """JSON texts that are sent have none (RFC 8259, section 8.1)."""
    with pytest.raises(JsonTextError, match="line 1, column 1"):
        object_members('\ufeff{"a": 1}')


@pytest.mark.parametrize("character", ["\n", "\t", "\0", "\x1f"])
def test_control_characters_in_strings_are_refused(character: str) -> None:
    """They have to be escaped, in values and in keys."""
    with pytest.raises(JsonTextError, match="control character"):
        object_members(f'{{"a": "x{character}"}}')
    with pytest.raises(JsonTextError, match="control character"):
        object_members(f'{{"a{character}": 1}}')


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"payload": {"a": 1, "b": 2, "a": 3}}',
        '{"payload": [[{"a": 1, "a": 2}]]}',
        r'{"a": 1, "\u0061": 2}',
    ],
)
def test_duplicate_keys_are_refused(text: str) -> None:
    """At any depth and however escaped: parsers disagree about which of the two counts."""
    with pytest.raises(JsonTextError, match="the key 'a' appears twice"):
        object_members(text)


def test_one_key_in_two_objects_is_no_duplicate() -> None:
    """Only keys of one object are compared."""
    assert text_of('[{"a": 1}, {"a": {"a": 2}}]') == '[{"a": 1}, {"a": {"a": 2}}]'


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(constant: str) -> None:
    """Python reads these, JSON has none of them."""
    with pytest.raises(JsonTextError, match=f"{constant} is not a JSON number"):
        object_members(f'{{"payload": [{constant}]}}')


@pytest.mark.parametrize(
    "string",
    [
        r"\ud800",
        r"\uDBFF tail",
        r"\udc00",
        r"\uDFFF",
        r"\ude00\ud83d",
        r"\ud83d\ud83d\ude00",
        r"\ud83d😀",
    ],
)
def test_lone_surrogates_are_refused(string: str) -> None:
    """Half a character can't be encoded again by whoever reads it: high or low, reversed, in values or in keys."""
    for text in (f'{{"p": "{string}"}}', f'{{"p": [{{"{string}": 1}}]}}', f'{{"{string}": 1}}'):
        with pytest.raises(JsonTextError, match="lone surrogate"):
            object_members(text)


def test_an_escaped_backslash_before_ud800_is_no_surrogate() -> None:
    r"""The text \ud800 with its backslash escaped is six plain characters."""
    assert text_of(r'"\\ud800"') == r'"\\ud800"'


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded(opening: str, closing: str) -> None:
    """A text 1,000 deep is taken, one 1,001 deep is refused, the outermost object counted: what a message keeps too."""
    inside = MAX_NESTING - 1
    assert inside == 999
    payload = opening * inside + "1" + closing * inside
    assert text_of(payload) == payload
    with pytest.raises(JsonTextError, match="more than 1000 deep"):
        text_of(opening + payload + closing)


def test_wide_is_not_deep() -> None:
    """Any number of brackets beside one another is no nesting."""
    payload = "[" + ",".join(["[]"] * 5_000) + "]"
    assert text_of(payload) == payload


@pytest.mark.parametrize("text", ["[" * 100_000, '{"payload": ' + "[" * 100_000, '{"a":' * 100_000])
def test_absurd_nesting_is_refused_and_does_not_crash(text: str) -> None:
    """A hundred thousand brackets, closed or not, are one sentence and no stack overflow."""
    with pytest.raises(JsonTextError, match="deep"):
        object_members(text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(document=st.dictionaries(st.text(), JSON_VALUES), is_ascii=st.booleans())
def test_all_valid_json_is_taken_and_means_the_same(*, document: dict[str, object], is_ascii: bool) -> None:
    """Whatever is valid JSON passes, and each member's text is JSON for that member's value."""
    members = object_members(json.dumps(document, ensure_ascii=is_ascii))
    assert {key: json.loads(member.text) for key, member in members.items()} == document


@given(st.text(st.sampled_from('{}[]",:\\ud8001eE+-.ntf \n\ufffe\0'), max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    """Any text is refused with a sentence, or is an object that the standard parser reads too."""
    try:
        members = object_members(text)
    except JsonTextError as error:
        assert str(error)  # noqa: PT017  (either outcome is right; a reason has to be there)
    else:
        assert json.loads(text).keys() == members.keys()
