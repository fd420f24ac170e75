"""Readers of foreign files: each opens one for reading once, in order, with every piece on the recording's clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sepdiar.audio.source import BLOCK, Samples

Piece = tuple[int, Samples]


@dataclass
class Reading:
    """An open recording.

    `pieces` come in order, as place and frames of shape (n, channels); a place further on than the end of the piece
    before is a gap. `declared` is what the file says of its length, right to within `slack`. `pauses` says that the
    format's clock may pause where nothing is lost.
    """

    rate: int
    channels: int
    bits: int
    pieces: Iterator[Piece]
    declared: int | None = None
    slack: int = 0
    pauses: bool = False
    notes: list[str] = field(default_factory=list)


def gathered(pieces: Iterator[Piece], size: int = BLOCK) -> Iterator[Piece]:
    """The same samples in pieces of about `size` frames: codecs give a thousand at a time."""
    held: list[Samples] = []
    start = end = 0
    for place, frames in pieces:
        if held and (place != end or end - start >= size):
            yield start, np.concatenate(held)
            held = []
        if not held:
            start = place
        held.append(frames)
        end = place + len(frames)
    if held:
        yield start, np.concatenate(held)
