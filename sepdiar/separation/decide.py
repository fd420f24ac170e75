"""One order for each slice of each window of a region, all decided together: the best sum of all that speaks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    if not cases:
        return []
    link = 0.0 if before is None else cases[0].neighbour * (1 - 2 * before)
    best = [cases[0].own + link, -cases[0].own - link]
    came: list[list[int]] = []
    for case in cases[1:]:
        ways = [(best[order] + case.neighbour, best[1 - order] - case.neighbour) for order in (0, 1)]
        came.append([order if same >= other else 1 - order for order, (same, other) in enumerate(ways)])
        best = [max(ways[0]) + case.own, max(ways[1]) - case.own]
    orders = [0 if best[0] >= best[1] else 1]
    for step in reversed(came):
        orders.append(step[orders[-1]])
    return orders[::-1]


@dataclass
class Account:
    """What happened, for the record: windows, and by which evidence each was decided."""

    counts: Counter[str] = field(default_factory=Counter)
    decided_by: Counter[str] = field(default_factory=Counter)
    memory: Mapping[str, Any] = field(default_factory=dict)
    """What was done where memory was short."""

    def clear(self) -> None:
        """Begin again."""
        self.counts.clear()
        self.decided_by.clear()

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
        self.counts["windows"] += 1

    def facts(self, rate: int) -> dict[str, Any]:
        """The record of one recording: `disputed` are windows with evidence against what was decided, `turned` those in which the
        two speakers were found to change places, and `crowded` the regions in which more than two speak."""
        names = ("diarization", "neighbours", "voice", "anchors", "nothing")
        decided: Mapping[str, int] = {name: self.decided_by[name] for name in names}
        plain = {name: self.counts[name] for name in ("stretches", "regions", "crowded", "windows", "disputed", "turned")}
        return {**plain, "decided_by": decided, "heard_seconds": round(self.counts["samples"] / rate, 3), **self.memory}
