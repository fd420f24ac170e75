"""An MP3 or AAC file walked once before it is decoded: how many frames, what is missing and where, what to trim."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from sepdiar.audio.containers import Claim
from sepdiar.audio.containers.mpeg import Frame, Header, Lost, walk

_DECODER_DELAY = 529  # of every MP3 decoder; encoders count their delay from behind it
_HARMLESS_TAIL = 4096


@dataclass(frozen=True)
class Survey:
    """`frames` hold sound; a first frame that only describes (`described`) is not one of them.

    `declared` is the number of frames that it gives; `delay` and `padding` are the samples to leave out at both ends.
    """

    header: Header | None
    frames: int
    bytes: int
    lost: tuple[Lost, ...] = ()
    described: bool = False
    declared: int | None = None
    delay: int = 0
    padding: int = 0

    @property
    def complete(self) -> bool:
        """Whether every frame that the file declares is there; some encoders count the describing frame too."""
        return self.declared is not None and self.frames >= self.declared - 1

    @property
    def claim(self) -> Claim:
        """The same as a claim; `samples` is what the frames hold, or should hold, after trimming."""
        if any(lost.why == "change" for lost in self.lost):
            return Claim(refused="rate or channels change in the middle")
        notes = []
        for lost in self.lost:
            if not self.complete and (lost.why != "tail" or lost.size > _HARMLESS_TAIL):
                cut = "the last frame is cut" if lost.why == "cut" else "no frames of sound"
                return Claim(self.samples, damage=f"{lost.size} bytes at byte {lost.place}: {cut}")
            notes.append(f"{lost.size} bytes at byte {lost.place} are not sound, and no sound is missing")
        if self.declared is not None and not self.complete:
            return Claim(self.samples, damage=f"{self.declared} frames are declared, and {self.frames} are there")
        if self.declared is not None and self.frames > self.declared:
            notes.append(f"{self.declared} frames are declared, and {self.frames} are there: all were read")
        return Claim(self.samples, notes=tuple(notes))

    @property
    def samples(self) -> int:
        per_frame = self.header.samples if self.header else 0
        frames = self.frames + sum(self.missing())
        longer = self.declared is not None and frames > self.declared
        return max(frames * per_frame - self.delay - (0 if longer else self.padding), 0)

    def missing(self) -> list[int]:
        """How many frames each of `lost` took away: what is declared and not there, shared out by bytes; else by their size."""
        if not self.frames or self.complete:
            return [0] * len(self.lost)
        if self.declared is None:
            return [round(lost.size * self.frames / self.bytes) for lost in self.lost]
        total, size, shares, given = self.declared - self.frames, sum(lost.size for lost in self.lost), [], 0
        seen = 0
        for lost in self.lost:
            seen += lost.size
            shares.append(total * seen // size - given)
            given += shares[-1]
        return shares


def survey(file: BinaryIO) -> Survey:
    """Walk the file."""
    first: Frame | None = None
    count = size = 0
    lost: list[Lost] = []
    for part in walk(file):
        if isinstance(part, Lost):
            lost.append(part)
            continue
        first = first or part
        count, size = count + 1, size + part.header.size
    if first is None:
        return Survey(None, 0, 0, tuple(lost))
    described = _description(first.data) if first.header.kind == "mp3" else None
    if described is None:
        return Survey(first.header, count, size, tuple(lost))
    return Survey(first.header, count - 1, size - first.header.size, tuple(lost), True, *described)


def _description(frame: bytes) -> tuple[int | None, int, int] | None:
    """Frames declared, samples to leave out at the beginning and at the end; None where the frame holds sound."""
    if frame[36:40] == b"VBRI":
        return struct.unpack(">I", frame[50:54])[0], 0, 0
    place = max(frame[:64].find(b"Xing"), frame[:64].find(b"Info"))
    if place < 0 or len(frame) < place + 12:
        return None
    flags, frames = struct.unpack(">II", frame[place + 4 : place + 12])
    encoder = place + 8 + 4 * (flags & 1) + 2 * (flags & 2) + 25 * (flags & 4) + (flags & 8) // 2
    gaps = int.from_bytes(frame[encoder + 21 : encoder + 24], "big")
    declared = frames if flags & 1 else None
    if not gaps or not frame[encoder : encoder + 4].strip(b"\0"):
        return declared, 0, 0
    return declared, (gaps >> 12) + _DECODER_DELAY, max((gaps & 0xFFF) - _DECODER_DELAY, 0)
