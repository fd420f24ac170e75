"""How long a recording is by its header alone, where that says it: a few bytes are read, whatever the size of the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from sepdiar.audio.containers import Claim, chunks

CHUNKED: dict[str, Callable[[BinaryIO], Claim]] = {
    "wav": chunks.claim,
    "aiff": chunks.claim,
    "caf": chunks.claim,
    "au": chunks.claim_of_au,
}
"""For each container that is a header and chunks, what reads it."""


def claim(file: BinaryIO, kind: str, start: int = 0) -> Claim:
    """What the header of an open file of that kind says; `start` is behind its tags. `samples` is None where it does not tell."""
    if kind in CHUNKED:
        return CHUNKED[kind](file)
    return _streaminfo(file, start) if kind == "flac" else Claim()


def _streaminfo(file: BinaryIO, start: int) -> Claim:
    """FLAC: 20 bits of rate, 3 of channels less one, 5 of depth, 36 of samples, the last 0 where nobody knew."""
    file.seek(start + 18)
    packed = int.from_bytes(file.read(8).ljust(8, b"\0"))
    rate, channels, samples = packed >> 44, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1
    return Claim(samples or None, rate=rate, channels=channels)
