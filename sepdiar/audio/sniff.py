"""Which container a file is, by its content: names are not looked at."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from sepdiar.audio.containers import mpeg

KINDS = ("wav", "aiff", "au", "caf", "flac", "ogg", "mp3", "aac", "mp4", "webm")
W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
OTHERS = {
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "WMA",
    b"#!AMR": "AMR",
    b"MAC ": "Monkey's Audio",
    b"wvpk": "WavPack",
    b"TTA1": "True Audio",
    b".RMF": "RealMedia",
    b"DSD ": "DSD",
    b"FRM8": "DSD",
}
"""Containers of audio that are known and not read, by how they begin."""
_HEAD = 64
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide")
_SCAN = 1 << 16
_TAGS = 100


def sniff(path: Path) -> str | None:
    """One of `KINDS`, or None where the bytes are of no container that is read; RF64 and W64 count as wav.

    The file must be one that may be opened: see `inputs.find_recordings`.
    """
    with path.open("rb") as file:
        return sniff_open(file)


def sniff_open(file: BinaryIO) -> str | None:
    """The same of an open file, which is left at its beginning."""
    start = behind_id3(file)
    file.seek(start)
    kind = _by_magic(file.read(_HEAD)) or mpeg.kind_at(file, start, _SCAN)
    file.seek(0)
    return kind


def unread(file: BinaryIO) -> str:
    """What an open file is, in words, where it is audio in a container of `OTHERS`."""
    file.seek(behind_id3(file))
    head = file.read(_HEAD)
    file.seek(0)
    return next((name for magic, name in OTHERS.items() if head.startswith(magic)), "")


def _by_magic(head: bytes) -> str | None:
    if (head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE") or head[:16] == W64_RIFF:
        return "wav"
    if head[:4] in (b".snd", b"dns."):
        return "au"
    if head[:4] == b"caff":
        return "caf"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    return "mp4" if head[4:8] in _BOXES else None


def behind_id3(file: BinaryIO) -> int:
    """Where the sound begins: taggers put ID3v2 before MP3 and AAC, and some before FLAC; there may be several."""
    start = 0
    for _ in range(_TAGS):
        file.seek(start)
        size = mpeg.id3_size(file.read(10))
        if not size:
            break
        start += size
    return start
