"""Strict parsing of JSON objects that keeps the original text of each member, and of arrays of them.

The standard library parses. This module also refuses input that the library accepts but consumers can't rely on:
duplicate keys, NaN and infinities, lone surrogates, and nesting too deep for other parsers. Numbers are not converted,
so none is too long or loses a digit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

__all__ = ["MAX_NESTING", "JsonTextError", "Member", "NotAnObjectError", "Number", "array_texts", "object_members"]

#: The deepest accepted nesting of arrays and objects, the outermost object included. It is the default limit of Jackson
#: (StreamReadConstraints), the strictest of the widely used parsers, and well below that of Python's parser. The
#: message nests the payload as deep as the request does: in one object.
MAX_NESTING = 1000

_WHITE_SPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonTextError(Exception):
    """The text is not accepted. The message says why and where."""


class NotAnObjectError(JsonTextError):
    """The text is JSON but not an object. The message is the kind of value, like "a JSON array"."""


class Number(str):
    """The original text of a number."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A member's parsed value and its original text."""

    value: Any
    text: str


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise JsonTextError(f"the key {key[:100]!a} appears twice in one object")
            seen.add(key)
    return members


def _no_constant(name: str) -> NoReturn:
    raise JsonTextError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_constant=_no_constant, parse_float=Number, parse_int=Number
)

#: Finds where a value ends, and accepts what `object_members` refuses: each element of an array is judged alone.
_LENIENT_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number)

_KINDS = {
    list: "a JSON array",
    str: "a JSON string",
    Number: "a JSON number",
    bool: "a JSON boolean",
    type(None): "null",
}


def array_texts(text: str) -> list[str]:
    """Return the original text of each element of the JSON array in `text`, to be parsed by `object_members`.

    Raises:
        JsonTextError: the text is not a JSON array.
    """
    with _sentences():
        return _elements(text)


def object_members(text: str) -> dict[str, Member]:
    """Return the members of the JSON object in `text`, by key.

    Raises:
        NotAnObjectError: the text is JSON but not an object.
        JsonTextError: the text is not JSON, or has something that this module refuses.
    """
    with _sentences():
        pairs = _pairs(text)
    members = _distinct(pairs)
    _check_nesting(text, members)
    _check_surrogates(text, members)
    return members


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn the parser's errors into ours."""
    try:
        yield
    except json.JSONDecodeError as error:
        raise JsonTextError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise JsonTextError(f"arrays and objects are nested more than {MAX_NESTING} deep") from None


def _elements(text: str) -> list[str]:
    texts: list[str] = []
    at = _after_white_space(text, 0)
    if text[at : at + 1] != "[":
        raise json.JSONDecodeError("Expecting '['", text, at)
    at = _after_white_space(text, at + 1)
    if text[at : at + 1] != "]":
        while True:
            _, end = _LENIENT_DECODER.raw_decode(text, at)
            texts.append(text[at:end])
            at = _after_white_space(text, end)
            if text[at : at + 1] == "]":
                break
            if text[at : at + 1] != ",":
                raise json.JSONDecodeError("Expecting ',' or ']' after a value", text, at)
            at = _after_white_space(text, at + 1)
    _check_end(text, at + 1)
    return texts


def _check_end(text: str, at: int) -> None:
    end = _after_white_space(text, at)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def _pairs(text: str) -> list[tuple[str, Member]]:
    """Return the keys and members of the outermost object, parsed here to get the original text of each value."""
    pairs: list[tuple[str, Member]] = []
    at = _after_white_space(text, 0)
    if text[at : at + 1] != "{":
        value, end = _DECODER.raw_decode(text, at)
        _check_end(text, end)
        raise NotAnObjectError(_KINDS[type(value)])
    at = _after_white_space(text, at + 1)
    if text[at : at + 1] != "}":
        while True:
            if text[at : at + 1] != '"':
                raise json.JSONDecodeError("Expecting a key in double quotes", text, at)
            key, at = _DECODER.raw_decode(text, at)
            at = _after_white_space(text, at)
            if text[at : at + 1] != ":":
                raise json.JSONDecodeError("Expecting ':' after a key", text, at)
            start = _after_white_space(text, at + 1)
            value, end = _DECODER.raw_decode(text, start)
            pairs.append((key, Member(value, text[start:end])))
            at = _after_white_space(text, end)
            if text[at : at + 1] == "}":
                break
            if text[at : at + 1] != ",":
                raise json.JSONDecodeError("Expecting ',' or '}' after a value", text, at)
            at = _after_white_space(text, at + 1)
    _check_end(text, at + 1)
    return pairs


def _after_white_space(text: str, at: int) -> int:
    match = _WHITE_SPACE.match(text, at)
    assert match is not None  # the pattern also matches an empty string
    return match.end()


def _check_nesting(text: str, members: dict[str, Member]) -> None:
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return
    depth = 1  # the object itself
    level = _containers([member.value for member in members.values()])
    while level:
        depth += 1
        if depth > MAX_NESTING:
            raise JsonTextError(f"arrays and objects are nested more than {MAX_NESTING} deep")
        level = [inner for outer in level for inner in _containers(outer)]


def _containers(outer: list[Any] | dict[str, Any]) -> list[list[Any] | dict[str, Any]]:
    values = outer.values() if isinstance(outer, dict) else outer
    return [value for value in values if isinstance(value, dict | list)]


def _check_surrogates(text: str, members: dict[str, Member]) -> None:
    if _SURROGATE_ESCAPE.search(text) is None:
        return
    try:
        json.dumps({key: member.value for key, member in members.items()}, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise JsonTextError(
            "a lone surrogate (\\ud800 to \\udfff) is not a character: write both halves of the pair"
        ) from None
