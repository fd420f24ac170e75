"""WebM and Matroska: elements in elements; a demuxer that meets a broken one seeks the next and says nothing, so we look."""

from __future__ import annotations

from typing import BinaryIO

from sepdiar.audio.containers import Claim

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_IN_SEGMENT = {0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER, 0x1C53BB6B, 0x1254C367, 0x1941A469, 0x1043A770, 0xEC, 0xBF}
_IN_CLUSTER = {0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0x5854, 0xAF, 0xEC, 0xBF}
_LONGEST = 12


def claim(file: BinaryIO) -> Claim:
    """Whether every element down to the blocks is known, and ends where the element around it ends or before."""
    size = file.seek(0, 2)
    place, segment_end, cluster_end = 0, 0, 0
    while place < size:
        file.seek(place)
        head = file.read(_LONGEST)
        name, width = _number(head, keep_mark=True)
        length, more = _number(head[width:], keep_mark=False)
        if not width or not more:
            return Claim(damage=f"what stands at byte {place} is not an element")
        start = place + width + more
        unknown = length == (1 << 7 * more) - 1
        end = size if unknown else start + length
        inside_cluster = place < cluster_end and (name in _IN_CLUSTER or name not in _IN_SEGMENT)
        if not segment_end:  # the header of EBML, then the segment
            if end > size:
                return _cut(end, size)
            segment_end, place = (end, start) if name == _SEGMENT else (0, end)
            continue
        if place >= segment_end:
            return Claim(notes=(f"what follows the end of the segment, at byte {place}, was not read",))
        if name not in (_IN_CLUSTER if inside_cluster else _IN_SEGMENT):
            return Claim(damage=f"the element at byte {place} is not one that can stand there")
        if end > size:
            return _cut(end, size)
        if end > (cluster_end if inside_cluster else segment_end):
            return Claim(damage=f"the element at byte {place} does not end where it should")
        if name == _CLUSTER:
            cluster_end, place = end, start
        else:
            place = end
    return Claim() if segment_end else Claim(damage="there is no segment in it")


def _cut(end: int, size: int) -> Claim:
    return Claim(damage=f"the file declares {end} bytes, and {size} are there")


def _number(data: bytes, keep_mark: bool) -> tuple[int, int]:
    """A number of EBML and the bytes that it takes; (0, 0) where there is none. The position of its first 1 is its width."""
    if not data or not data[0]:
        return 0, 0
    width = 9 - data[0].bit_length()
    if len(data) < width:
        return 0, 0
    value = int.from_bytes(data[:width], "big")
    return (value if keep_mark else value & ((1 << 7 * width) - 1)), width
