"""Utterances one behind the other, for a recogniser that hears a whole window however short an utterance is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from sepdiar.asr.utterances import Utterance, place
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Word


@dataclass(frozen=True)
class Pack:
    """Utterances in order, with `gap` samples of silence between two of them."""

    utterances: tuple[Utterance, ...]
    gap: int

    @property
    def starts(self) -> list[int]:
        """Where in the pack each utterance begins to be heard, and where another one would."""
        return list(accumulate((len(one.heard) + self.gap for one in self.utterances), initial=0))

    def samples(self, audio: Audio) -> Samples:
        """What is heard, gaps included."""
        silence = np.zeros(self.gap, np.float32)
        pieces = [piece for one in self.utterances for piece in (audio.read(one.heard)[:, 0], silence)]
        return np.concatenate(pieces[:-1])

    def back(self, words: Iterable[Word]) -> Iterator[Word]:
        """Words with times in the pack as words in the utterances; those in gaps and in context are left out."""
        later = [start - one.heard.start for one, start in zip(self.utterances, self.starts, strict=False)]
        wanted = [Span(one.span.start + by, one.span.end + by) for one, by in zip(self.utterances, later, strict=True)]
        for own, by in zip(place(words, wanted)[0], later, strict=True):
            yield from (replace(word, span=word.span.shift(-by)) for word in own)

    def apart(self) -> list[Pack]:
        """Each utterance as a pack of its own."""
        return [Pack((one,), self.gap) for one in self.utterances]


def packed(utterances: Iterable[Utterance], longest: int, gap: int) -> Iterator[Pack]:
    """The utterances in packs of at most `longest` samples; one that is longer itself is alone.

    >>> short = [Utterance(Span(at, at + 4), Span(at, at + 4)) for at in (0, 10, 20)]
    >>> [len(pack.utterances) for pack in packed(short, longest=10, gap=2)]
    [2, 1]
    """
    held: list[Utterance] = []
    for utterance in utterances:
        if held and Pack((*held, utterance), gap).starts[-1] - gap > longest:
            yield Pack(tuple(held), gap)
            held = []
        held.append(utterance)
    if held:
        yield Pack(tuple(held), gap)
