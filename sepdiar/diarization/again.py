"""Listens again to what one speaker says alone: where the voice is clearly another's, the segmenter had taken two for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.runs import runs
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, intersected
from sepdiar.diarization.activity import RATE, Values
from sepdiar.diarization.linking import Names, Vectors, unit

LEAST, MOST = 0.6, 2.5  # seconds of a piece that is listened to
MARGIN = 0.1  # by which the cosine with another's voice must be greater
ROUNDS = 3  # of learning the voices from the pieces

Embedder = Callable[[Samples, Samples], Vectors]  # samples, and 1 where to listen, to a vector of length 1


def listened_again(
    audio: Audio, probability: Values, hop: int, speakers: Vectors, sounds: Sequence[Span], embedder: Embedder
) -> Values:
    """The probability of each speaker in each frame, with pieces given to another speaker where that is whose voice they have."""
    if len(speakers) < 2:
        return probability
    own, pieces = _pieces(probability, hop, sounds)
    if not pieces:
        return probability
    whole = Span(0, audio.samples)
    vectors = np.stack([_vector(audio, part, embedder) if (part := piece & whole) else 0 * speakers[0] for piece in pieces])
    changed = probability.copy()
    for piece, before, after in zip(pieces, own, _names(vectors, own, pieces, speakers), strict=True):
        if before != after:
            frames = slice(piece.start // hop, -(-piece.end // hop))
            changed[frames, [before, after]] = probability[frames, [after, before]]
    return changed


def _pieces(probability: Values, hop: int, sounds: Sequence[Span]) -> tuple[Names, list[Span]]:
    active = probability > 0.5
    alone = active & (active.sum(1) == 1)[:, None]
    found: list[tuple[Span, int]] = []
    for speaker, row in enumerate(alone.T):
        for part in intersected([Span(*run) for run in (hop * runs(row)).tolist()], sounds):
            if len(part) >= LEAST * RATE:
                cuts = np.linspace(part.start, part.end, -(-len(part) // round(MOST * RATE)) + 1).astype(int).tolist()
                found += [(Span(first, last), speaker) for first, last in pairwise(cuts)]
    found.sort()
    return np.array([speaker for _, speaker in found], np.intp), [piece for piece, _ in found]


def _vector(audio: Audio, piece: Span, embedder: Embedder) -> Vectors:
    samples = audio.read(piece)[:, 0]
    return embedder(samples, np.ones_like(samples))


def _names(vectors: Vectors, own: Names, pieces: Sequence[Span], speakers: Vectors) -> NDArray[np.intp]:
    """Whose each piece is, the voices learnt from all that is given to each."""
    seconds = np.array([len(piece) / RATE for piece in pieces], np.float32)[:, None]
    bonus = MARGIN * np.eye(len(speakers), dtype=np.float32)[own]
    names = own
    for _ in range(ROUNDS):
        names = (vectors @ speakers.T + bonus).argmax(1)
        sums = np.zeros_like(speakers)
        np.add.at(sums, names, seconds * vectors)
        speakers = np.where(sums.any(1, keepdims=True), unit(sums), speakers)
    return names
