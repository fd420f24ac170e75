"""The windows of a region cut into slices, a stretch of overlap or about a second of one: what speaks for an order of each, and
what is decided by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from sepdiar.audio.source import Samples
from sepdiar.conversation import Span
from sepdiar.separation.decide import Account, Case, decide, sureness
from sepdiar.separation.evidence import (
    FRAME,
    STAY,
    Frames,
    Heard,
    Voices,
    beside,
    by_diarization,
    by_neighbour,
    cuts,
    parted,
    separated,
)
from sepdiar.separation.plan import Activity, Region

TURN = 0.02  # seconds in which one source passes into the other within a window
NEAR = 0.3  # how far sources lie apart in a moment, as `separated` says: with any doubt, what lies nearer stays together
MOMENT = 0.2  # seconds that tell it, most of all their middle
HELD = 6  # windows of a region, each decided together with so many behind it, however long the region is


@dataclass(frozen=True)
class Sliced:
    """A window cut into slices, with the evidence of each, how far each was separated, and of how many samples that is."""

    heard: Heard
    cuts: Sequence[int]
    cases: Sequence[Case]
    apart: Sequence[tuple[float, int]]

    @property
    def parts(self) -> list[Span]:
        """When each of the slices is, in the recording."""
        return _parts(self.heard, self.cuts)

    @cached_property
    def near(self) -> Frames:
        """The frames in which the sources hardly lie apart.

        A network that lets two people change places within a slice does so across such a moment; and which source is whose is
        there wrong more often than anywhere else.
        """
        frame, (one, other) = round(FRAME * self.heard.rate), self.heard.sources.astype(np.float64)
        weights = np.hanning(round(MOMENT / FRAME) + 2)[1:-1]
        energies = (np.add.reduceat(np.square(both), range(0, len(one), frame)) for both in (one - other, one + other))
        between, mixture = (np.convolve(energy, weights)[len(weights) // 2 :][: len(energy)] for energy in energies)
        near: Frames = between < NEAR * mixture
        return near

    def arranged(self, orders: Sequence[float], doubt: bool = False) -> Samples:
        """The sources, those of the first speaker first; where the order changes, they pass into each other.

        An order between 0 and 1 leaves them together; so does any `doubt` in the moments in which they are `near`.
        """
        sources = self.heard.sources
        together = doubt and self.near.any()
        if set(orders) in ({0}, {1}) and not together:
            return sources[::-1] if orders[0] else sources
        frame = round(FRAME * self.heard.rate)
        edges = [0, *(frame * cut for cut in self.cuts[1:-1]), sources.shape[1]]
        turned = np.repeat(np.array(orders, np.float64), np.diff(edges))
        if together:
            turned[np.repeat(self.near, frame)[: len(turned)]] = 0.5
        ramp = np.hanning(round(TURN * self.heard.rate) + 2)[1:-1]
        wide = np.pad(turned, (len(ramp) // 2, len(ramp) - 1 - len(ramp) // 2), mode="edge")
        share = np.convolve(wide, ramp / ramp.sum(), "valid").astype(np.float32)
        return np.where(share == 0.5, sources.mean(axis=0), sources + share * (sources[::-1] - sources))


def sliced(found: Iterable[Heard], region: Region, activity: Activity, voices: Voices | None) -> Iterator[Sliced]:
    """Each window of a region with its evidence."""
    before: Heard | None = None
    both = activity.both(region.pair)
    for heard, window in zip(found, region.windows, strict=True):
        places = cuts(heard, window.part, region.stretches)
        votes = by_diarization(heard, region.pair, activity)
        each = len(places) - 1
        voice, anchors = voices(heard, region.pair) / each if voices else 0.0, heard.anchors / each
        links = [by_neighbour(before, heard) if before else 0.0] + [STAY] * (each - 1)
        cases, apart = [], []
        for (begin, end), part, link in zip(pairwise(places), _parts(heard, places), links, strict=True):
            apart.append(separated(heard, part, region.stretches))
            said = float(votes[begin:end].sum())
            much = beside(said + anchors, apart[-1][0])
            inside = parted(apart[-1][0]) * voices.inside(heard, part, region.pair, both) if voices else 0.0
            cases.append(Case(much * said, voice + inside, link, much * anchors))
        yield Sliced(heard, places, cases, apart)
        before = heard


def _parts(heard: Heard, places: Sequence[int]) -> list[Span]:
    frame = round(FRAME * heard.rate)
    return [Span(*edges) for edges in pairwise(min(frame * place + heard.span.start, heard.span.end) for place in places)]


def in_order(found: Iterable[Sliced], account: Account, doubt: float = 0.0) -> Iterator[Samples]:
    """The sources of each window, those of the first speaker first; slices that are in doubt stay together, and so do moments in
    which the sources hardly lie apart, unless `doubt` is 0."""
    for one, orders, given in decided(found, account, doubt):
        yield one.arranged([order if sure else 0.5 for order, sure in zip(orders, given, strict=True)], doubt > 0)


def decided(found: Iterable[Sliced], account: Account, doubt: float = 0.0) -> Iterator[tuple[Sliced, list[int], list[bool]]]:
    """Each window with the order of each of its slices, and whether that is given: whether `doubt` or more decides it."""
    waiting: list[Sliced] = []
    last: int | None = None
    told: int | None = None  # the same, where enough spoke for it

    def settled(count: int) -> Iterator[tuple[Sliced, list[int], list[bool]]]:
        nonlocal last, told
        cases = [case for one in waiting for case in one.cases]
        orders, sure = iter(decide(cases, last)), iter(sureness(cases, told))
        windows = [(one, [next(orders) for _ in one.cases]) for one in waiting]
        for (one, mine), behind in zip(windows[:count], [*windows[1:], None], strict=False):
            account.add(one.cases, mine, last, (behind[0].cases[0], behind[1][0]) if behind else None)
            enough = [next(sure) >= doubt for _ in mine]
            account.add_apart(one.apart, enough)
            yield one, mine, enough
            last = mine[-1]
            told = last if enough[-1] else None
        del waiting[:count]

    for one in found:
        waiting.append(one)
        if len(waiting) == 2 * HELD:
            yield from settled(HELD)
    if waiting:
        yield from settled(len(waiting))
