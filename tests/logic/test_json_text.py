"""Strict JSON parsing that keeps the original text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_schedule_post.json_text import MAX_NESTING, JsonTextError, NotAnObjectError, Number, object_members


def text_of(payload: str) -> str:
    """Return the text that is kept for a payload."""
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
def test_text_of_value_is_unchanged(payload: str) -> None:
    """Key order, escapes, white space and every digit of a number are kept."""
    assert text_of(payload) == payload


def test_number_is_not_converted() -> None:
    """A number of any size is a Number, not a plain str."""
    value = object_members('{"a": 1e400}')["a"].value
    assert (type(value), value) == (Number, "1e400")


def test_white_space_between_tokens_is_ignored() -> None:
    """An object has the same members with and without white space."""
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
def test_other_json_values_raise_an_error_with_their_kind(text: str, kind: str) -> None:
    """The error differs from that for invalid JSON."""
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
def test_invalid_json_raises_an_error_with_line_and_column(text: str) -> None:
    """The message names the place of the first mistake."""
    with pytest.raises(JsonTextError, match=r"at line \d+, column \d+"):
        object_members(text)


@pytest.mark.parametrize("text", ['{"a": 1} x', '{"a": 1}{"a": 1}', '{"a": 1}]', "[1] [2]", '{"a": 1}\0'])
def test_trailing_data_is_refused(text: str) -> None:
    """A body is a single JSON value."""
    with pytest.raises(JsonTextError, match="Extra data"):
        object_members(text)


def test_byte_order_mark_is_refused() -> None:
    """JSON on a network must not have one (RFC 8259, section 8.1)."""
    with pytest.raises(JsonTextError, match="line 1, column 1"):
        object_members('\ufeff{"a": 1}')


@pytest.mark.parametrize("character", ["\n", "\t", "\0", "\x1f"])
def test_control_characters_in_strings_are_refused(character: str) -> None:
    """They must be escaped, in values and in keys."""
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
    """Parsers disagree about which of the two counts. Depth and escapes make no difference."""
    with pytest.raises(JsonTextError, match="the key 'a' appears twice"):
        object_members(text)


def test_same_key_in_two_objects_is_accepted() -> None:
    """Only keys of the same object must differ."""
    assert text_of('[{"a": 1}, {"a": {"a": 2}}]') == '[{"a": 1}, {"a": {"a": 2}}]'


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_refused(constant: str) -> None:
    """Python's parser accepts them, but they are not JSON."""
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
    """A consumer could not encode them again. They may be high, low or reversed, in values or in keys."""
    for text in (f'{{"p": "{string}"}}', f'{{"p": [{{"{string}": 1}}]}}', f'{{"{string}": 1}}'):
        with pytest.raises(JsonTextError, match="lone surrogate"):
            object_members(text)


def test_escaped_backslash_before_ud800_is_accepted() -> None:
    r"""With its backslash escaped, \ud800 is six plain characters."""
    assert text_of(r'"\\ud800"') == r'"\\ud800"'


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_of_1000_is_accepted_and_of_1001_refused(opening: str, closing: str) -> None:
    """The outermost object counts. The message has the same depth."""
    inside = MAX_NESTING - 1
    assert inside == 999
    payload = opening * inside + "1" + closing * inside
    assert text_of(payload) == payload
    with pytest.raises(JsonTextError, match="more than 1000 deep"):
        text_of(opening + payload + closing)


def test_wide_arrays_are_accepted() -> None:
    """Only the depth of brackets is limited, not their number."""
    payload = "[" + ",".join(["[]"] * 5_000) + "]"
    assert text_of(payload) == payload


@pytest.mark.parametrize("text", ["[" * 100_000, '{"payload": ' + "[" * 100_000, '{"a":' * 100_000])
def test_extreme_nesting_raises_an_error(text: str) -> None:
    """A hundred thousand brackets, closed or not, cause no stack overflow."""
    with pytest.raises(JsonTextError, match="deep"):
        object_members(text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(document=st.dictionaries(st.text(), JSON_VALUES), is_ascii=st.booleans())
def test_valid_json_is_accepted_with_the_same_meaning(*, document: dict[str, object], is_ascii: bool) -> None:
    """For any object, each member's text parses to the member's value."""
    members = object_members(json.dumps(document, ensure_ascii=is_ascii))
    assert {key: json.loads(member.text) for key, member in members.items()} == document


@given(st.text(st.sampled_from('{}[]",:\\ud8001eE+-.ntf \n\ufffe\0'), max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Any text raises JsonTextError with a message, or is an object for the standard parser, too."""
    try:
        members = object_members(text)
    except JsonTextError as error:
        assert str(error)  # noqa: PT017  (either outcome is right; an error needs a message)
    else:
        assert json.loads(text).keys() == members.keys()
