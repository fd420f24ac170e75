"""How often a speaker changes channel: where two speak at once, which channel holds whom, against the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import log10

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import Segment
from sepdiar.metrics.activity import of_energy, of_segments, patterns
from sepdiar.metrics.energies import Matrix, products
from sepdiar.metrics.result import Counts, Result, added, ratio
from sepdiar.metrics.sides import check_alike

PIECE = 1.0  # seconds: a longer stretch of overlap is looked at by pieces, so that a change in its middle is seen
SHORT = 0.1  # seconds: shorter pieces are left out, and those up to two moments longer tell too little
SURE = 0.2  # of the correlation of the channels' differences: below, a piece tells nothing
MOMENT = 0.02  # seconds
QUIET = 0.01  # of the other channel's energy: for a moment below it, a channel holds nobody, and the other one both
PROTOCOL = "; ".join(
    [
        "changes of which channel holds whom, an hour of recording, from piece to piece of overlapped speech",
        f"pieces: what two speak at once, by {PIECE:g} s, those below {SHORT:g} s left out",
        f"decided by the correlation of the channels' difference with that of the reference's, over the moments of "
        f"{1000 * MOMENT:g} ms in which neither channel is {-10 * log10(QUIET):g} dB below the other, nor just before or after, "
        f"where it fades; undecided below {SURE:g}, where such moments are less than {SHORT:g} s, and where all moments of the "
        "piece together say the opposite, as clearly",
        "before the first piece: as where only one speaks",
        "swapped: pieces that hold the speakers the other way round than the stretches where only one speaks",
    ]
)


def swaps(reference: Audio, hypothesis: Audio, *, turns: Sequence[Segment] | None = None, name: str = "") -> Result:
    """How often an hour the channels of `hypothesis` change their speakers, where two of `reference`'s speak at once.

    Both have two channels, one speaker each. Who speaks is told by `turns`, else by the energy of the reference's channels.
    Counts: `swaps`, `hours` of recording, `pieces` of overlap, of which `undecided` tell nothing, as where both channels hold
    both speakers; `swapped_seconds` and `decided_seconds` of the others. SD601: lengths, rates or channels that differ.
    """
    check_alike(reference, hypothesis, name)
    for audio in (reference, hypothesis):
        if audio.channels != 2:
            raise SepdiarError("SD601", f"{audio.channels} channels, and swaps are of two", where=name)
    rate = reference.rate
    spoken = list(of_energy(reference)) if turns is None else list(of_segments(turns, rate, reference.samples).values())
    stretches = list(patterns(dict(enumerate(spoken)), reference.samples))
    audios = [reference, hypothesis]
    alone = [(span, who) for span, who in stretches if len(who) == 1]
    clean = sum(products(audios, alone).values(), np.zeros((4, 4)))
    first = 1.0 if _alike(clean) >= 0 else -1.0
    counts = {"swaps": 0, "pieces": 0, "undecided": 0, "swapped_seconds": 0.0, "decided_seconds": 0.0}
    last = first
    for piece in _pieces(stretches, round(PIECE * rate), round(SHORT * rate)):
        frames, parted = _read(audios, piece, round(MOMENT * rate))
        told = frames[parted]
        alike, whole = _alike(told.T @ told), _alike(frames.T @ frames)
        counts["pieces"] += 1
        if abs(alike) < SURE or len(told) < SHORT * rate or (alike * whole < 0 and abs(whole) >= SURE):
            counts["undecided"] += 1
            continue
        now = 1.0 if alike > 0 else -1.0
        counts["swaps"] += now != last
        counts["decided_seconds"] += len(piece) / rate
        counts["swapped_seconds"] += (now != first) * len(piece) / rate
        last = now
    return _result({**counts, "hours": reference.samples / rate / 3600})


def pooled(results: Mapping[str, Result]) -> Result:
    """Several recordings as one result."""
    return replace(_result(added(one.counts for one in results.values())), per_session=dict(results))


def _pieces(stretches: Sequence[tuple[Span, frozenset[int]]], size: int, least: int) -> Iterator[Span]:
    for stretch, who in stretches:
        if len(who) > 1:
            for start in range(stretch.start, stretch.end, size):
                if (end := min(start + size, stretch.end)) - start >= least:
                    yield Span(start, end)


def _read(audios: Sequence[Audio], piece: Span, size: int) -> tuple[Matrix, NDArray[np.bool_]]:
    """A piece of all channels, the last two of which were made; and the samples in those of its moments in which each of these
    two holds something, as before and after them.

    Beside a moment in which one channel is silent, it fades: for that while one channel holds more of both speakers than the
    other, which says nothing of who is where.
    """
    before, after = size * (piece.start >= size), size * (piece.end + size <= audios[0].samples)
    wide = Span(piece.start - before, piece.end + after)
    frames = np.hstack([audio.read(wide) for audio in audios]).astype(np.float64)
    energies = np.add.reduceat(frames[:, -2:] ** 2, np.arange(0, len(frames), size))
    parted = np.pad(energies.min(axis=1) > QUIET * energies.max(axis=1), 1, mode="edge")
    steady: NDArray[np.bool_] = parted[:-2] & parted[1:-1] & parted[2:]
    inside = slice(before, before + len(piece))
    return frames[inside], np.repeat(steady, size)[inside]


def _alike(energies: Matrix) -> float:
    """The correlation of the difference of the first two channels with that of the others; 0 where one of them is nothing."""
    true, made = np.array([1.0, -1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, -1.0])
    scale = float(np.sqrt((true @ energies @ true) * (made @ energies @ made)))
    return float(true @ energies @ made) / scale if scale > 0 else 0.0


def _result(counts: Counts) -> Result:
    figures = {
        "swapped": ratio(counts["swapped_seconds"], counts["decided_seconds"]),
        "undecided": ratio(counts["undecided"], counts["pieces"]),
    }
    return Result("swaps", ratio(counts["swaps"], counts["hours"]), counts, PROTOCOL, figures)
