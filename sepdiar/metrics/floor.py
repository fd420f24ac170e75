"""What turn-taking is made of: turns, floor transfers, backchannels and overlaps, from who speaks when.

    A  ______##########____________________#####
    B  __________##________________######_______
                 |    |<--- +1.2 --->|
                 backchannel         floor transfer A to B, and then B to A with no gap: offset 0

Times are in microseconds, or in samples where turns are; backchannels, being of at most 1 s, in microseconds alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sepdiar.conversation import Span, intersected, merged
from sepdiar.formats.segments import TICKS, Spoken, speech

BACKCHANNEL = TICKS  # the longest


@dataclass(frozen=True, order=True)
class Talk:
    """One turn of one speaker."""

    span: Span
    speaker: str


@dataclass(frozen=True)
class Transfer:
    """The floor going from the turn numbered `before` to the one numbered `after`: `offset` < 0 where they overlap."""

    before: int
    after: int
    offset: int


def talks(segments: Iterable[Spoken]) -> list[Talk]:
    """The turns in order: segments of one speaker that touch or overlap are one, those of zero length are none."""
    return sorted(Talk(span, speaker) for speaker, spans in speech(segments).items() for span in spans)


def transfers(turns: Sequence[Talk]) -> list[Transfer]:
    """The floor's ways from speaker to speaker, turns being in order.

    Whoever began first has the floor. A turn that ends no later than that of the holder takes nothing. One that ends
    later takes the floor, and where it is another speaker's, that is a transfer; its offset is from the end of the
    holder's turn to the beginning of the taker's.

    >>> turns = [Talk(Span(0, 50), "A"), Talk(Span(20, 30), "B"), Talk(Span(45, 90), "B")]
    >>> transfers(turns)
    [Transfer(before=0, after=2, offset=-5)]
    """
    found = []
    holder = 0
    for index, turn in enumerate(turns[1:], 1):
        if turn.span.end <= turns[holder].span.end:
            continue
        if turn.speaker != turns[holder].speaker:
            found.append(Transfer(holder, index, turn.span.start - turns[holder].span.end))
        holder = index
    return found


def backchannels(turns: Sequence[Talk]) -> set[int]:
    """The numbers of the turns of at most 1 s that lie within one longer turn of somebody else, its ends included."""
    found = set()
    for index, turn in enumerate(turns):
        if len(turn.span) > BACKCHANNEL:
            continue
        for other in turns:
            if other.span.start > turn.span.start:
                break
            if other.speaker != turn.speaker and other.span.end >= turn.span.end and len(other.span) > len(turn.span):
                found.add(index)
                break
    return found


def overlaps(turns: Sequence[Talk]) -> tuple[Span, ...]:
    """The stretches in which two or more speak, in order; those that touch are one."""
    crossed: list[Span] = []
    heard: tuple[Span, ...] = ()
    for spans in speech(turns).values():
        crossed += intersected(heard, spans)
        heard = merged([*heard, *spans])
    return merged(crossed)
