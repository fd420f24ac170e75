"""Ogg: pages with a number, a checksum, and a mark on the last; decoders skip a broken page and close the gap, so we look."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from sepdiar.audio.containers import Claim

_HEADER = struct.Struct("<4sBBqIIIB")
_FIRST, _LAST = 2, 4
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def claim(file: BinaryIO) -> Claim:
    """Whether every page is whole, in order and undamaged, and the last one is there."""
    numbers: dict[int, int] = {}
    open_streams: set[int] = set()
    ended = 0
    place = file.seek(0)
    while header := file.read(_HEADER.size):
        if len(header) < _HEADER.size or header[:4] != b"OggS":
            return _not_a_page(header, place, open_streams)
        _, _, flags, _, serial, number, checksum, count = _HEADER.unpack(header)
        lacing = file.read(count)
        body = file.read(sum(lacing))
        if len(lacing) < count or len(body) < sum(lacing):
            return Claim(damage=f"the last page, at byte {place}, is cut")
        if page_checksum(header[:22] + b"\0\0\0\0" + header[26:] + lacing + body) != checksum:
            return Claim(damage=f"the page at byte {place} does not match its checksum")
        if flags & _FIRST:
            if ended and not open_streams:
                return Claim(refused="several recordings are chained in one Ogg file")
            open_streams.add(serial)
        elif number != numbers.get(serial, -1) + 1:
            return Claim(damage=f"pages are missing before byte {place}")
        numbers[serial] = number
        if flags & _LAST:
            open_streams.discard(serial)
            ended += 1
        place = file.tell()
    if open_streams:
        return Claim(notes=("the stream has no mark at its end: it may have been cut there",))
    return Claim()


def page_checksum(page: bytes) -> int:
    """The checksum of Ogg: that of zlib with every bit order turned round, and without its inversions.

    >>> hex(page_checksum(b"OggS"))
    '0x5fb0a94f'
    """
    turned = zlib.crc32(page.translate(_MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{turned:032b}"[::-1], 2)


def _not_a_page(header: bytes, place: int, open_streams: set[int]) -> Claim:
    if place and not open_streams:
        return Claim(notes=(f"what follows the end of the stream, at byte {place}, was not read",))
    if b"OggS".startswith(header[:4]):
        return Claim(damage=f"the last page, at byte {place}, is cut")
    return Claim(damage=f"what stands at byte {place} is not an Ogg page")
