"""WAV, RF64, W64, AIFF, CAF and AU: chunks whose sizes may lie."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import BinaryIO

from sepdiar.audio.containers import Claim

_PCM_LIKE = (1, 3, 6, 7, 0xFFFE)  # integers, floats, A-law, mu-law, and "see the extension"
_W64_HEADER = 24
_CAF_EDITS = 4  # bytes that count edits, before the sound
_CAF_PLAIN = (b"lpcm", b"ulaw", b"alaw")
_AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # a sample's, by the number of its encoding
_UNIT = 16383 + 63  # the exponent of AIFF's extended precision with which the mantissa counts ones
_FASTEST = 1 << 30  # Hz
_MOST = 10_000  # chunks before the sound
_NAME = re.compile(rb"[A-Za-z0-9 _()]{4}|\0{4}")
_OPEN = "the header leaves the length open: all that is there was read"


def claim(file: BinaryIO) -> Claim:
    """What the header declares against what is there.

    Programs that write to a pipe cannot know the length and leave 0, or one of the largest sizes, in its place: such a
    size is noted, not an error.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    align, declared64, rate, channels = 0, 0, 0, 0
    for name, start, length in islice(_chunks(file, head, size), _MOST):
        if name == b"ds64":
            declared64 = struct.unpack("<8xQ", _at(file, start, 16))[0]
        elif name == b"fmt ":
            tag, channels, rate, align = struct.unpack("<HHI4xH", _at(file, start, 14))
            align = align if tag in _PCM_LIKE else 0
        elif name == b"COMM":
            channels, bits, exponent, mantissa = struct.unpack(">H4xHHQ", _at(file, start, 18))
            rate = mantissa >> (_UNIT - exponent) if 0 <= _UNIT - exponent < 64 else 0
            align = channels * ((bits + 7) // 8) if length == 18 else 0
        elif name == b"desc":
            exact, codec, packet, frames, channels = struct.unpack(">d4s4xIII", _at(file, start, 28))
            rate = int(exact) if 0 < exact < _FASTEST else 0
            align = packet if codec in _CAF_PLAIN and frames == 1 else 0
        elif name in (b"data", b"SSND"):
            header = {b"SSND": 8}.get(name, _CAF_EDITS if head[:4] == b"caff" else 0)
            declared = declared64 if length == 0xFFFFFFFF and declared64 else length
            behind = _at(file, min(start + declared, size), 5)
            compared = _compared(max(declared - header, 0), max(size - start - header, 0), align, behind)
            return replace(compared, rate=rate, channels=channels)
    return Claim(0, damage="the header is there, the sound is not")


def claim_of_au(file: BinaryIO) -> Claim:
    """The same for AU, which is one header and the sound."""
    size = file.seek(0, 2)
    order = "<" if _at(file, 0, 4) == b"dns." else ">"
    start, declared, encoding, rate, channels = struct.unpack(f"{order}4xIIIII", _at(file, 0, 24))
    compared = _compared(declared, max(size - start, 0), _AU_BYTES.get(encoding, 0) * channels, b"")
    return replace(compared, rate=rate, channels=channels)


def _compared(declared: int, present: int, align: int, behind: bytes) -> Claim:
    if not present:
        return Claim(0, damage="the header is there, the sound is not")
    if not declared:
        return Claim(notes=(_OPEN,), open_ended=True)
    if declared <= present:
        ends = declared + 1 >= present or any(_NAME.fullmatch(behind[pad : pad + 4]) for pad in (0, 1))
        notes = () if ends else (f"{present - declared} bytes behind the declared end of the sound were not read",)
        return Claim(declared // align if align else None, notes=notes)
    if _placeholder(declared):
        return Claim(present // align if align else None, notes=(_OPEN,))
    missing = f"the header declares {declared} bytes of sound, and {present} are there"
    return Claim(declared // align if align else None, damage=missing)


def _placeholder(size: int) -> bool:
    return 0xFFFFFF00 <= size <= 0xFFFFFFFF or 0x7FFFF000 <= size <= 0x80000000 or size >> 62 > 0


def _chunks(file: BinaryIO, head: bytes, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and declared length of each chunk's content."""
    if head[:4] == b"riff":
        yield from _chunks_of_w64(file, size)
        return
    if head[:4] == b"caff":
        yield from _chunks_of_caf(file, size)
        return
    order = ">" if head[:4] == b"FORM" else "<"
    start = 12
    while start + 8 <= size:
        name, length = struct.unpack(f"{order}4sI", _at(file, start, 8))
        yield name, start + 8, length
        start += 8 + length + length % 2


def _chunks_of_w64(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    start = 40
    while start + _W64_HEADER <= size:
        name, length = struct.unpack("<4s12xQ", _at(file, start, _W64_HEADER))
        if length < _W64_HEADER:
            return
        yield name, start + _W64_HEADER, length - _W64_HEADER
        start += (length + 7) // 8 * 8


def _chunks_of_caf(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    start = 8
    while start + 12 <= size:
        name, length = struct.unpack(">4sQ", _at(file, start, 12))
        yield name, start + 12, length
        start += 12 + length


def _at(file: BinaryIO, place: int, count: int) -> bytes:
    """`count` bytes, zeros where the file ends before."""
    file.seek(place)
    return file.read(count).ljust(count, b"\0")
