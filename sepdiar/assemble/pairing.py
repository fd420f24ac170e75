"""Which two sides a dialogue has: pure functions on turns.

    turns      A A  B  A  C  A  B B  A        dyadic: A and B until C speaks, then A and B again
    dialogues  [-------]     [-------]

The left side, channel 0, is the speaker that a Moshi model will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sepdiar.conversation import Span, Turn, outside, within
from sepdiar.formats.segments import speech

PAIRINGS = ("dyadic", "main")
Activity = dict[str, tuple[Span, ...]]


@dataclass(frozen=True)
class Dialogue:
    """A stretch of the recording with the speakers of each side."""

    span: Span
    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def sides(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.left, self.right


def main(turns: Sequence[Turn], samples: int) -> tuple[Dialogue, ...]:
    """The one who speaks most on the left, everybody else on the right, over the whole recording; none for a monologue."""
    active = speech(turns)
    if len(active) < 2:
        return ()
    most = max(active, key=lambda speaker: sum(map(len, active[speaker])))  # the first of equals
    return (Dialogue(Span(0, samples), (most,), tuple(speaker for speaker in active if speaker != most)),)


def dyadic(turns: Sequence[Turn], samples: int, minimum: int) -> tuple[Dialogue, ...]:
    """The stretches in which just two people talk, whoever speaks first on the left; none for a monologue.

    Two speakers in all: the whole recording. More: every stretch of at least `minimum` samples, as long as it can be before
    a third begins and after a third stops. Where such stretches overlap (one person talks with two others in turn), the
    one whose quieter speaker says more keeps its length, and the other gets what is left.
    """
    active = speech(turns)
    whole = Span(0, samples)
    if len(active) == 2:
        return (_between(active, whole),)
    candidates = []
    for pair in combinations(active, 2):
        thirds = [span for name, spans in active.items() if name not in pair for span in spans]
        for span in outside(whole, thirds):
            quieter = min(sum(map(len, within(span, active[name]))) for name in pair)
            if quieter and len(span) >= minimum:
                candidates.append((-quieter, -len(span), span, pair))
    found: list[Dialogue] = []
    for _, _, span, pair in sorted(candidates):
        for free in outside(span, [dialogue.span for dialogue in found]):
            heard = {name: active[name] for name in pair if within(free, active[name])}
            if len(free) >= minimum and len(heard) == 2:
                found.append(_between(heard, free))
    return tuple(sorted(found, key=lambda dialogue: dialogue.span))


def _between(active: Activity, span: Span) -> Dialogue:
    first, second = sorted(active, key=lambda speaker: within(span, active[speaker])[0].start)
    return Dialogue(span, (first,), (second,))
