"""Write zips whose bytes depend only on the names and contents of their files.

Order, dates, modes and the compressor are fixed. libdeflate comes with the locked `deflate` package. Python's zipfile
uses the host's zlib, and different zlibs compress the same file to different bytes.
"""

import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from tools.project import CommandError

#: Deflate needs version 2.0 of the format; the mode below needs "made by Unix".
_VERSION_NEEDED = 20
_MADE_BY_UNIX = 3 << 8 | _VERSION_NEEDED
_NAME_IS_UTF8 = 0x0800
#: The earliest date that a zip can hold: 1980-01-01, 00:00:00.
_TIME, _DATE = 0, 1 << 5 | 1
#: A regular file, mode 0644: Lambda's user must be able to read it.
_EXTERNAL_ATTRIBUTES = 0o100644 << 16


class Entry(NamedTuple):
    """One file of the zip, compressed."""

    name: str
    crc: int
    size_bytes: int
    #: Deflated, or the content itself if deflating does not shorten it.
    data: bytes


def compress(name: str, content: bytes) -> Entry:
    """Return the entry of a file with this content."""
    import deflate  # noqa: PLC0415 -- checkout.py says so first if it is not the locked one

    # libdeflate's levels go up to 12. 12 would save 2% and take seven times as long.
    deflated = bytes(deflate.deflate_compress(content, 9))
    return Entry(name, deflate.crc32(content), len(content), min(content, deflated, key=len))


def zip_bytes(entries: Iterable[Entry]) -> bytes:
    """Return the zip of these entries. Raises CommandError if two have one name."""
    ordered = sorted(entries)
    # Readers differ in which of two entries they take.
    for entry, following in pairwise(ordered):
        if entry.name == following.name:
            raise CommandError(f"{entry.name} would be in the zip twice: rename ours, or drop one of the packages")
    body, directory = bytearray(), bytearray()
    for entry in ordered:
        name = entry.name.encode()
        # 0 is stored, 8 is deflated.
        method = 0 if len(entry.data) == entry.size_bytes else 8
        common = (_VERSION_NEEDED, _NAME_IS_UTF8, method, _TIME, _DATE, entry.crc, len(entry.data), entry.size_bytes)
        central = (*common, len(name), 0, 0, 0, 0, _EXTERNAL_ATTRIBUTES, len(body))
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", _MADE_BY_UNIX, *central) + name
        body += struct.pack("<4s5H3L2H", b"PK\3\4", *common, len(name), 0) + name + entry.data
    counts = (0, 0, len(ordered), len(ordered), len(directory), len(body), 0)
    return bytes(body + directory + struct.pack("<4s4H2LH", b"PK\5\6", *counts))
