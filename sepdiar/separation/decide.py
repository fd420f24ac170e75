"""One order for each slice of each window of a region, all decided together: the best sum of all that speaks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import copysign, inf
from typing import Any

NOTHING = 0.5  # evidence so small that it is chance


@dataclass(frozen=True)
class Case:
    """What speaks for order 0 of a slice (above 0) or order 1, and for the order of the slice before it, or the other one."""

    diarization: float
    voice: float
    neighbour: float = 0.0
    anchors: float = 0.0

    @property
    def own(self) -> float:
        return self.diarization + self.voice + self.anchors


def decide(cases: Sequence[Case], before: int | None = None) -> list[int]:
    """The orders; `before` is that of the slice in front of the first, where it is decided already."""
    orders: list[int] = []
    push = 0.0
    for case, lean in zip(reversed(cases), reversed(_leaning(cases, before)), strict=True):
        orders.append(0 if lean / 2 + push >= 0 else 1)
        push = case.neighbour * (1 - 2 * orders[-1])
    return orders[::-1]


def sureness(cases: Sequence[Case], before: int | None = None) -> list[float]:
    """Of each slice, how much better the best orders of all are than the best of those that give it the other one."""
    fore = _leaning(cases, before)
    own, links = [case.own for case in cases], [case.neighbour for case in cases]
    back = _passed_on(own[::-1], [0.0, *links[:0:-1]][: len(own)], 0.0)[::-1]
    return [abs(one + other - 2 * mine) for one, other, mine in zip(fore, back, own, strict=True)]


def _leaning(cases: Sequence[Case], before: int | None) -> list[float]:
    """Of each slice, the best sum of it and all in front of it with order 0, less the best with order 1."""
    front = 0.0 if before is None else (1 - 2 * before) * inf
    return _passed_on([case.own for case in cases], [case.neighbour for case in cases], front)


def _passed_on(own: Sequence[float], links: Sequence[float], lean: float) -> list[float]:
    """What is in front counts as far as the link to it is strong."""
    made = []
    for mine, link in zip(own, links, strict=True):
        lean = (copysign(min(abs(lean), 2 * abs(link)), lean * link) if link else 0.0) + 2 * mine
        made.append(lean)
    return made


@dataclass
class Account:
    """What happened, for the record: windows, and by which evidence each was decided."""

    counts: Counter[str] = field(default_factory=Counter)
    decided_by: Counter[str] = field(default_factory=Counter)
    used: int = 0
    """Samples of sources that were used."""
    apart: float = 0.0
    """How far they lie apart, summed up over these."""
    memory: Mapping[str, Any] = field(default_factory=dict)
    """What was done where memory was short."""

    def clear(self) -> None:
        """Begin again."""
        self.counts.clear()
        self.decided_by.clear()
        self.used, self.apart = 0, 0.0

    def add(self, window: Sequence[Case], orders: Sequence[int], before: int | None, behind: tuple[Case, int] | None) -> None:
        """Count a window by its slices; `before` is the order of the slice in front of it, `behind` the slice after it."""
        signs = [1 - 2 * order for order in orders]
        beside = window[0].neighbour * signs[0] * (1 - 2 * before) if before is not None else 0.0
        if behind:
            beside += behind[0].neighbour * signs[-1] * (1 - 2 * behind[1])
        found = {
            "diarization": sum(sign * case.diarization for sign, case in zip(signs, window, strict=True)),
            "neighbours": beside,
            "voice": sum(sign * case.voice for sign, case in zip(signs, window, strict=True)),
            "anchors": sum(sign * case.anchors for sign, case in zip(signs, window, strict=True)),
        }
        first = max(found, key=lambda name: found[name])
        self.decided_by[first if found[first] > NOTHING else "nothing"] += 1
        self.counts["disputed"] += min(found.values()) < -NOTHING
        self.counts["turned"] += len(set(orders)) > 1
        self.counts["slices"] += len(window)
        self.counts["windows"] += 1

    def add_apart(self, slices: Sequence[tuple[float, int]], given: Sequence[bool]) -> None:
        """Count how far slices lie apart, with their samples, and which of them were given to speakers."""
        self.counts["in_doubt"] += len(given) - sum(given)
        self.used += sum(samples for _, samples in slices)
        self.apart += sum(apart * samples * known for (apart, samples), known in zip(slices, given, strict=True))

    def facts(self, rate: int) -> dict[str, Any]:
        """The record of one recording: `disputed` are windows with evidence against what was decided, `turned` those in which the
        two speakers were found to change places, and `crowded` the regions in which more than two speak.

        Windows are cut into `slices`, a stretch of overlap or about a second of one, of which those `in_doubt` were not
        separated, whatever was decided. `separated` is how far the sources lie apart, over all that was used of them: 0 where
        they are one, or in doubt; two voices that have nothing in common make 1. Moments that stay together since they hardly
        lie apart count there with what little they do.
        """
        names = ("diarization", "neighbours", "voice", "anchors", "nothing")
        decided: Mapping[str, int] = {name: self.decided_by[name] for name in names}
        plain = {
            name: self.counts[name]
            for name in ("stretches", "regions", "crowded", "windows", "disputed", "turned", "slices", "in_doubt")
        }
        apart = round(self.apart / self.used, 4) if self.used else 1.0
        heard = round(self.counts["samples"] / rate, 3)
        return {**plain, "separated": apart, "decided_by": decided, "heard_seconds": heard, **self.memory}
