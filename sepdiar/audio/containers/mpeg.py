"""MP3 and ADTS AAC: bare frames one behind the other, without a clock, so that a lost frame shifts all that follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

_HEADER = 10
_RATES = (44100, 48000, 32000)
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_KBITS = {  # by (is it MPEG 1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_TAGS = {b"TAG": 128, b"TAG+": 227}


class Header(NamedTuple):
    """What the first bytes of a frame say. Frames of one stream agree on `kind`, `rate` and `channels`."""

    kind: str
    rate: int
    channels: int
    samples: int
    size: int

    def fits(self, other: Header | None) -> bool:
        """Whether both can be of one stream."""
        return other is not None and self[:3] == other[:3]


@dataclass(frozen=True)
class Frame:
    """A frame that another frame, a tag or the end of the file follows."""

    place: int
    header: Header
    data: bytes


@dataclass(frozen=True)
class Lost:
    """Bytes that are no frames. `why` is "hole" (frames follow), "cut" (half a frame at the end), "tail" or "change"."""

    place: int
    size: int
    why: str


def parse(head: bytes) -> Header | None:
    """The header at the beginning of these bytes, None where there is none.

    >>> parse(bytes.fromhex("fffb9064000000000000"))
    Header(kind='mp3', rate=44100, channels=2, samples=1152, size=417)
    """
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    return _parse_adts(head) if head[1] & 0xF6 == 0xF0 else _parse_mpeg(head)


def _parse_mpeg(head: bytes) -> Header | None:
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or kbits in (0, 15) or rate == 3:
        return None
    first = version == 3
    hertz = _RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    bits = _KBITS[first, layer][kbits - 1] * 1000
    padding = head[2] >> 1 & 1
    samples = {1: 384, 2: 1152, 3: 1152 if first else 576}[layer]
    size = (12 * bits // hertz + padding) * 4 if layer == 1 else samples // 8 * bits // hertz + padding
    return Header("mp3", hertz, 1 if head[3] >> 6 == 3 else 2, samples, size)


def _parse_adts(head: bytes) -> Header | None:
    rate, channels = head[2] >> 2 & 15, (head[2] & 1) << 2 | head[3] >> 6
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if rate >= len(_ADTS_RATES) or size < 8:
        return None
    return Header("aac", _ADTS_RATES[rate], channels, 1024 * ((head[6] & 3) + 1), size)


def id3_size(head: bytes) -> int:
    """The bytes that an ID3v2 tag takes, 0 where there is none."""
    if head[:3] != b"ID3" or len(head) < 10 or max(head[6:10]) > 127:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _tag_size(head: bytes) -> int:
    if head[:8] == b"APETAGEX":
        return 32  # the header or the footer; the items between are no frames, and lie at an end of the file
    for mark in (head[:4], head[:3]):
        if mark in _TAGS:
            return _TAGS[mark]
    return id3_size(head)


def kind_at(file: BinaryIO, start: int, scan: int) -> str | None:
    """ "mp3" or "aac" where three frames in a row begin within `scan` bytes, or the file ends with frames before that."""
    end = file.seek(0, 2)
    place = start
    while (found := _next_frame(file, place, min(start + scan, end), end, None)) is not None:
        first = following = parse(_at(file, found))
        row, at = 0, found
        while first and following and first.fits(following) and row < 3:
            row, at = row + 1, at + following.size
            following = parse(_at(file, at))
        if first and (row == 3 or (at == end and found == start)):
            return first.kind
        place = found + 1
    return None


def walk(file: BinaryIO) -> Iterator[Frame | Lost]:
    """Every frame in order, and between them what is none."""
    end = file.seek(0, 2)
    place, stream = 0, None
    while place < end:
        head = _at(file, place)
        if skipped := _tag_size(head):
            place += skipped
            continue
        header = parse(head)
        if header and (stream is None or header.fits(stream)):
            follows = place + header.size
            if follows > end:
                yield Lost(place, end - place, "cut")
                return
            if _confirmed(file, follows, end, header):
                yield Frame(place, header, _at(file, place, header.size))
                stream, place = header, follows
                continue
        found = _next_frame(file, place + 1, end, end, stream)
        if found is None and header and stream and header.fits(stream):  # the last frame, and something behind it
            yield Frame(place, header, _at(file, place, header.size))
            place += header.size
        changed = header is not None and stream is not None and not header.fits(stream) and _confirmed(file, place, end, header)
        yield Lost(place, (end if found is None else found) - place, "change" if changed else "tail" if found is None else "hole")
        if found is None:
            return
        place = found


def _confirmed(file: BinaryIO, place: int, end: int, header: Header) -> bool:
    head = _at(file, place)
    return place == end or header.fits(parse(head)) or bool(_tag_size(head)) or (end - place < 7 and header.kind == "mp3")


def _next_frame(file: BinaryIO, place: int, until: int, end: int, stream: Header | None) -> int | None:
    """The first place, before `until`, of a frame that fits the stream and that is followed by another."""
    while place < until:
        window = _at(file, place, 1 << 16)
        at = window.find(b"\xff")
        while at >= 0:
            header = parse(window[at : at + _HEADER] if at + _HEADER < len(window) else _at(file, place + at))
            follows = place + at + header.size if header else 0
            fits = header is not None and (stream is None or header.fits(stream))
            if place + at < until and header and fits and follows <= end and _confirmed(file, follows, end, header):
                return place + at
            at = window.find(b"\xff", at + 1)
        place += len(window) or until
    return None


def _at(file: BinaryIO, place: int, count: int = _HEADER) -> bytes:
    file.seek(place)
    return file.read(count)
