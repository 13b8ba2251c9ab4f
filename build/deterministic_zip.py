"""Write zips whose bytes depend only on the names and contents of their files.

Order, dates, modes and the compressor are fixed. libdeflate comes with the locked `deflate` package. Python's zipfile
uses the host's zlib, and different zlibs compress the same file to different bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

import deflate
from errors import BuildError

#: libdeflate's levels go up to 12. 12 would save 2% and take seven times as long.
_LEVEL = 9

_STORED, _DEFLATED = 0, 8
#: Deflate needs version 2.0 of the format; the mode below needs "made by Unix".
_VERSION_NEEDED = 20
_MADE_BY_UNIX = 3 << 8 | _VERSION_NEEDED
_NAME_IS_UTF8 = 0x0800
#: The earliest date that a zip can hold: 1980-01-01, 00:00:00.
_TIME, _DATE = 0, 1 << 5 | 1
#: A regular file, mode 0644: Lambda's user must be able to read it.
_EXTERNAL_ATTRIBUTES = 0o100644 << 16

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
_END_OF_CENTRAL_DIRECTORY = struct.Struct("<4s4H2LH")


class Entry(NamedTuple):
    """One file of the zip, compressed."""

    name: str
    crc: int
    size_bytes: int
    #: Deflated, or the content itself if deflating does not shorten it.
    data: bytes


def compress(name: str, content: bytes) -> Entry:
    """Return the entry of a file with this content."""
    deflated = bytes(deflate.deflate_compress(content, _LEVEL))
    return Entry(name, deflate.crc32(content), len(content), min(content, deflated, key=len))


def decompress(entry: Entry) -> bytes:
    """Return the content of an entry's file."""
    if len(entry.data) == entry.size_bytes:
        return entry.data
    return bytes(deflate.deflate_decompress(entry.data, entry.size_bytes))


def zip_bytes(entries: Iterable[Entry]) -> bytes:
    """Return the zip of these entries.

    Raises:
        BuildError: two entries have one name.
    """
    body, directory = bytearray(), bytearray()
    ordered = sorted(entries)
    previous = None
    for entry in ordered:
        if entry.name == previous:
            # Readers differ in which of the two they take.
            raise BuildError(f"{entry.name} would be in the zip twice: rename ours, or drop one of the packages")
        previous = entry.name
        name = entry.name.encode()
        method = _STORED if len(entry.data) == entry.size_bytes else _DEFLATED
        common = (_VERSION_NEEDED, _NAME_IS_UTF8, method, _TIME, _DATE, entry.crc, len(entry.data), entry.size_bytes)
        offset = len(body)
        body += _LOCAL_HEADER.pack(b"PK\3\4", *common, len(name), 0) + name + entry.data
        directory += _CENTRAL_HEADER.pack(
            b"PK\1\2", _MADE_BY_UNIX, *common, len(name), 0, 0, 0, 0, _EXTERNAL_ATTRIBUTES, offset
        )
        directory += name
    end = _END_OF_CENTRAL_DIRECTORY.pack(b"PK\5\6", 0, 0, len(ordered), len(ordered), len(directory), len(body), 0)
    return bytes(body + directory + end)
