"""Turns what Python 3.13.0 compiles into what the later 3.13s compile from the same source, byte for byte.

From 3.13.1 on there is a GET_ITER directly before the FOR_ITER of every `for` in a comprehension or generator
expression (https://github.com/python/cpython/issues/125038). Here it is put in, and what depends on where instructions
are is written anew, as CPython's Python/assemble.c does: jumps, source positions and exception handlers.

This works on marshalled code. Code objects that Python code makes do not share their parts as those do that the
compiler makes, and marshal writes what is shared once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dis import hasjump, opmap
from io import BytesIO
from itertools import accumulate, groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from errors import BuildError

__all__ = ["as_compiled_later"]

_CACHE, _EXTENDED_ARG = opmap["CACHE"], opmap["EXTENDED_ARG"]
_FOR_ITER, _GET_ITER = opmap["FOR_ITER"], opmap["GET_ITER"]
_GET_ANEXT = opmap["GET_ANEXT"]
_BACKWARD = {opmap["JUMP_BACKWARD"], opmap["JUMP_BACKWARD_NO_INTERRUPT"]}

#: Every loop's first instruction, and what comes before it where it is no comprehension's first.
_LOOPS = {_FOR_ITER: _GET_ITER, _GET_ANEXT: opmap["GET_AITER"]}

#: What comes before a comprehension's first loop: `SWAP 2`, or where it is a function of its own, `LOAD_FAST .0`.
_STARTS = {(opmap["SWAP"], 2), (opmap["LOAD_FAST"], 0)}
_FIRST_LOOP = re.compile(
    b"(?:%b)(?:%c.)*[%c%c]"
    % (b"|".join(re.escape(bytes(start)) for start in _STARTS), _EXTENDED_ARG, _FOR_ITER, _GET_ANEXT),
    re.DOTALL,
)


def as_compiled_later(marshalled: bytes) -> bytes:
    """The marshalled code object that a later Python 3.13 makes where 3.13.0 has made this one.

    Raises:
        BuildError: this is not what 3.13.0 is known to make.
    """
    if not _FIRST_LOOP.search(marshalled):
        return marshalled
    root = _read(BytesIO(marshalled), [])
    for item in _compounds(root):
        if item.kind == b"c" and _FIRST_LOOP.search(item.parts[_CODE].content):
            first_line = int.from_bytes(item.parts[_FIRST_LINE].content, "little")
            tables = [item.parts[index] for index in _TABLES]
            changed = _with_get_iter(first_line, *(table.content for table in tables))
            for index, table, content in zip(_TABLES, tables, changed, strict=True):
                if content != table.content:
                    item.parts[index] = _Object(b"s", content, shared=table.shared)
    _share_equal_bytes(root)
    written = bytearray()
    _write(root, {}, written)
    return bytes(written)


# Marshalled objects


class _Object:
    """An object as marshal writes it. If it is `shared`, marshal only refers to it where it occurs again."""

    __slots__ = ("content", "kind", "parts", "shared")

    def __init__(self, kind: bytes, content: bytes = b"", *, shared: bool = False) -> None:
        self.kind = kind
        self.content = content
        self.parts: list[_Object] = []
        self.shared = shared


#: Parts of a code object, by index.
_CODE, _LOCAL_KINDS, _FIRST_LINE = 0, 4, 8
_TABLES = (_CODE, 9, 10)

_SHARED = 0x80
_FIXED_SIZES = {b"N": 0, b"T": 0, b"F": 0, b".": 0, b"i": 4, b"g": 8, b"y": 16, b"c": 20}
#: The size of the number that says how many bytes an object has, or how many parts.
_LENGTH_SIZES = {b"s": 4, b"t": 4, b"u": 4, b"a": 4, b"A": 4, b"z": 1, b"Z": 1}
_COUNT_SIZES = {b"(": 4, b")": 1, b">": 4}


def _read(stream: BytesIO, shared: list[_Object]) -> _Object:
    first = stream.read(1)[0]
    kind = bytes([first & ~_SHARED])
    if kind == b"r":
        return shared[int.from_bytes(stream.read(4), "little")]
    item = _Object(kind, shared=bool(first & _SHARED))
    if item.shared:
        shared.append(item)
    if kind in _FIXED_SIZES:
        item.content = stream.read(_FIXED_SIZES[kind])
    elif kind in _LENGTH_SIZES:
        item.content = stream.read(int.from_bytes(stream.read(_LENGTH_SIZES[kind]), "little"))
    elif kind == b"l":
        length = stream.read(4)
        item.content = length + stream.read(2 * abs(int.from_bytes(length, "little", signed=True)))
    elif kind in _COUNT_SIZES:
        item.parts = [_read(stream, shared) for _ in range(int.from_bytes(stream.read(_COUNT_SIZES[kind]), "little"))]
    else:
        raise BuildError(f"Marshalled code holds an object of unknown type, {kind!r}")
    if kind == b"c":
        item.parts = [_read(stream, shared) for _ in range(_FIRST_LINE)]
        item.parts.append(_Object(b"", stream.read(4)))
        item.parts += [_read(stream, shared), _read(stream, shared)]
    return item


def _write(item: _Object, numbers: dict[_Object, int], written: bytearray) -> None:
    if item in numbers:
        written += b"r" + numbers[item].to_bytes(4, "little")
        return
    if item.shared:
        numbers[item] = len(numbers)
    written += bytes([item.kind[0] | _SHARED]) if item.shared else item.kind
    if item.kind in _LENGTH_SIZES:
        written += len(item.content).to_bytes(_LENGTH_SIZES[item.kind], "little")
    elif item.kind in _COUNT_SIZES:
        written += len(item.parts).to_bytes(_COUNT_SIZES[item.kind], "little")
    written += item.content
    for part in item.parts:
        _write(part, numbers, written)


def _compounds(root: _Object) -> Iterator[_Object]:
    """Every object that has parts, once."""
    seen = {root}
    found = [root]
    while found:
        item = found.pop()
        yield item
        for part in item.parts:
            if part.parts and part not in seen:
                seen.add(part)
                found.append(part)


def _share_equal_bytes(root: _Object) -> None:
    """Make one object of equal tables and bytes constants, as the compiler does."""
    objects: dict[bytes, _Object] = {}
    uses: Counter[bytes] = Counter()
    for item in _compounds(root):
        for index, part in enumerate(item.parts):
            if part.kind == b"s" and not (item.kind == b"c" and index in {_CODE, _LOCAL_KINDS}):
                item.parts[index] = objects.setdefault(part.content, part)
                # Marshal sorts a set's members, and has a reference of its own to each meanwhile.
                uses[part.content] += 2 if item.kind == b">" else 1
    for content, item in objects.items():
        # Of bytes as short as these, there is one object in any Python, and Python refers to it too.
        item.shared = uses[content] > 1 or len(content) <= 1


# Instructions


class _Position(NamedTuple):
    """Where in the source something is; -1 is unknown."""

    line: int
    end_line: int
    column: int
    end_column: int

    def is_within(self, other: _Position) -> bool:
        """Whether this is a part of the other, and not all of it."""
        starts_in = (other.line, other.column) <= (self.line, self.column)
        ends_in = (self.end_line, self.end_column) <= (other.end_line, other.end_column)
        return starts_in and ends_in and self != other


class _Instruction(NamedTuple):
    opcode: int
    #: A jump's is the index of the instruction that it goes to.
    argument: int
    #: How many code units for the interpreter's use come after it.
    caches: int
    position: _Position

    def size(self, argument: int) -> int:
        """In code units."""
        return max(1, (argument.bit_length() + 7) // 8) + self.caches


class _Handler(NamedTuple):
    """Where an exception goes that is raised from `start` on and before `end`: indices of instructions."""

    start: int
    end: int
    target: int
    depth_and_lasti: int


def _with_get_iter(first_line: int, code: bytes, locations: bytes, handlers: bytes) -> tuple[bytes, bytes, bytes]:
    """A code object's instructions and tables, with the GET_ITERs that are missing."""
    old, old_handlers = _disassembled(first_line, code, locations, handlers)
    if _assembled(first_line, old, old_handlers) != (code, locations, handlers):
        raise BuildError("Python 3.13.0 is not known to assemble code as it has here")
    missing = _missing_before(old)
    # Where each instruction, and the end of the code, comes to be. A jump to a loop goes behind its GET_ITER.
    moved = [index + inserted for index, inserted in enumerate(accumulate([*missing, False]))]
    new = []
    for instruction, is_missing in zip(old, missing, strict=True):
        if is_missing:
            new.append(_Instruction(_GET_ITER, 0, 0, instruction.position))
        is_jump = instruction.opcode in hasjump
        new.append(instruction._replace(argument=moved[instruction.argument]) if is_jump else instruction)
    return _assembled(
        first_line,
        new,
        [_Handler(moved[start], moved[end], moved[target], rest) for start, end, target, rest in old_handlers],
    )


def _missing_before(instructions: list[_Instruction]) -> list[bool]:
    """For each instruction, whether later Pythons have a GET_ITER before it that is not there."""
    pairs = [(instructions[0], instructions[0]), *pairwise(instructions)]
    comprehensions = [
        previous.position for previous, loop in pairs if loop.opcode in _LOOPS and _starts_comprehension(previous)
    ]
    missing = []
    for previous, loop in pairs:
        if loop.opcode in _LOOPS and not _starts_comprehension(previous) and previous.opcode != _LOOPS[loop.opcode]:
            raise BuildError(f"Python 3.13.0 is not known to put opcode {previous.opcode} before a loop")
        # What a comprehension loops over is a part of it, and no statement's loop is.
        missing.append(loop.opcode == _FOR_ITER and any(map(loop.position.is_within, comprehensions)))
    return missing


def _starts_comprehension(instruction: _Instruction) -> bool:
    return (instruction.opcode, instruction.argument) in _STARTS


def _disassembled(
    first_line: int, code: bytes, locations: bytes, handlers: bytes
) -> tuple[list[_Instruction], list[_Handler]]:
    template = _disassembled.__code__.replace(co_code=code, co_firstlineno=first_line, co_linetable=locations)
    positions = [[-1 if number is None else number for number in position] for position in template.co_positions()]
    instructions: list[_Instruction] = []
    # Offsets are in code units; an instruction's is that of its first EXTENDED_ARG.
    index_at: dict[int, int] = {}
    ends: list[int] = []
    start = argument = 0
    for offset, (opcode, low) in enumerate(zip(code[::2], code[1::2], strict=True)):
        argument = argument << 8 | low
        if opcode == _CACHE:
            instructions[-1] = instructions[-1]._replace(caches=instructions[-1].caches + 1)
            ends[-1] = start = offset + 1
        elif opcode != _EXTENDED_ARG:
            index_at[start] = len(instructions)
            instructions.append(_Instruction(opcode, argument, 0, _Position(*positions[offset])))
            start = offset + 1
            ends.append(start)
            argument = 0
    index_at[start] = len(instructions)
    for index, (opcode, argument, _, _) in enumerate(instructions):
        if opcode in hasjump:
            target = ends[index] + (-argument if opcode in _BACKWARD else argument)
            instructions[index] = instructions[index]._replace(argument=index_at[target])
    numbers = _numbers(handlers)
    return instructions, [
        _Handler(index_at[start], index_at[start + size], index_at[target], rest)
        for start, size, target, rest in zip(numbers, numbers, numbers, numbers, strict=True)
    ]


def _assembled(
    first_line: int, instructions: list[_Instruction], handlers: list[_Handler]
) -> tuple[bytes, bytes, bytes]:
    arguments: list[int] = []
    resolved = [instruction.argument for instruction in instructions]
    while arguments != resolved:
        # What is far away takes a longer argument, which moves what comes after.
        arguments = resolved
        sizes = [instruction.size(argument) for instruction, argument in zip(instructions, arguments, strict=True)]
        offsets = list(accumulate(sizes, initial=0))
        resolved = [
            abs(offsets[instruction.argument] - end) if instruction.opcode in hasjump else instruction.argument
            for instruction, end in zip(instructions, offsets[1:], strict=True)
        ]
    code = bytearray()
    for instruction, argument in zip(instructions, arguments, strict=True):
        for shift in range(8 * (instruction.size(argument) - instruction.caches - 1), 0, -8):
            code += bytes([_EXTENDED_ARG, argument >> shift & 0xFF])
        code += bytes([instruction.opcode, argument & 0xFF]) + bytes(2 * instruction.caches)
    table = bytearray()
    for start, end, target, rest in handlers:
        table += _handler_entry([offsets[start], offsets[end] - offsets[start], offsets[target], rest])
    return bytes(code), _locations(first_line, instructions, sizes), bytes(table)


# The tables of handlers and locations


#: The location table's form for a position that is not known, and those for one without columns and for any other.
_NOWHERE, _NO_COLUMNS, _LONG = 15, 13, 14


def _numbers(handlers: bytes) -> Iterator[int]:
    number = 0
    for byte in handlers:
        number = number << 6 | byte & 0x3F
        if not byte & 0x40:
            yield number
            number = 0


def _handler_entry(numbers: Iterable[int]) -> bytes:
    entry = bytearray()
    for number in numbers:
        for shift in range(max(0, (number.bit_length() - 1) // 6 * 6), 0, -6):
            entry.append(number >> shift & 0x3F | 0x40)
        entry.append(number & 0x3F)
    entry[0] |= 0x80
    return bytes(entry)


def _locations(first_line: int, instructions: list[_Instruction], sizes: list[int]) -> bytes:
    table = bytearray()
    line = first_line
    positions = [instruction.position for instruction in instructions]
    for position, group in groupby(zip(positions, sizes, strict=True), key=itemgetter(0)):
        left = sum(size for _, size in group)
        while left:
            units = min(left, 8)
            form, content = _location_form(position, position.line - line)
            table += bytes([0x80 | form << 3 | units - 1]) + content
            line = line if form == _NOWHERE else position.line
            left -= units
    return bytes(table)


def _location_form(position: _Position, lines: int) -> tuple[int, bytes]:
    """The number of the shortest form that can hold the position, `lines` after the last one, and what it holds."""
    line, end_line, column, end_column = position
    if line < 0:
        return _NOWHERE, b""
    signed = _variable(-lines << 1 | 1 if lines < 0 else lines << 1)
    if column < 0 or end_column < 0:
        if end_line in {line, -1}:
            return _NO_COLUMNS, signed
    elif end_line == line:
        if lines == 0 and column < 80 and 0 <= end_column - column < 16:  # noqa: PLR2004 -- what the form can hold
            return column >> 3, bytes([(column & 7) << 4 | end_column - column])
        if 0 <= lines < 3 and column < 128 and end_column < 128:  # noqa: PLR2004 -- the same
            return 10 + lines, bytes([column, end_column])
    return _LONG, signed + _variable(end_line - line) + _variable(column + 1) + _variable(end_column + 1)


def _variable(number: int) -> bytes:
    encoded = bytearray()
    while rest := number >> 6:
        encoded.append(number & 0x3F | 0x40)
        number = rest
    encoded.append(number)
    return bytes(encoded)
