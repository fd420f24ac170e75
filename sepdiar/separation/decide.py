"""One order for each window of a region, all decided together: the best sum of what speaks for each and for each two in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NOTHING = 0.5  # evidence so small that it is chance


@dataclass(frozen=True)
class Case:
    """What speaks for order 0 of a window (above 0) or for order 1, and for the order of the window before it, or the other."""

    diarization: float
    voice: float
    neighbour: float = 0.0

    @property
    def own(self) -> float:
        return self.diarization + self.voice


def decide(cases: Sequence[Case], before: int | None = None) -> list[int]:
    """The orders; `before` is that of the window in front of the first, where it is decided already."""
    if not cases:
        return []
    best = [0.0, 0.0]
    came: list[tuple[int, int]] = []
    for index, case in enumerate(cases):
        if index == 0:
            link = 0.0 if before is None else case.neighbour * (1 - 2 * before)
            best, step = [case.own + link, -case.own - link], (0, 0)
        else:
            stay = [(best[order] + case.neighbour, best[1 - order] - case.neighbour) for order in (0, 1)]
            step = tuple(order if same >= other else 1 - order for order, (same, other) in enumerate(stay))  # type: ignore[assignment]
            best = [max(stay[0]) + case.own, max(stay[1]) - case.own]
        came.append(step)
    orders = [0 if best[0] >= best[1] else 1]
    for step in reversed(came[1:]):
        orders.append(step[orders[-1]])
    return orders[::-1]


@dataclass
class Account:
    """What happened, for the record: windows, and by which evidence each was decided."""

    counts: Counter[str] = field(default_factory=Counter)
    decided_by: Counter[str] = field(default_factory=Counter)

    def add(self, cases: Sequence[Case], orders: Sequence[int], before: int | None, count: int) -> None:
        """Count the first `count` of these windows, behind one of order `before` where there is one in their region."""
        signs = [1 - 2 * order for order in orders]
        last = 1 - 2 * before if before is not None else 0
        for index, (case, sign) in enumerate(zip(cases[:count], signs, strict=False)):
            beside = case.neighbour * (signs[index - 1] if index else last)
            if index + 1 < len(cases):
                beside += cases[index + 1].neighbour * signs[index + 1]
            found = {"diarization": sign * case.diarization, "neighbours": sign * beside, "voice": sign * case.voice}
            first = max(found, key=lambda name: found[name])
            self.decided_by[first if found[first] > NOTHING else "nothing"] += 1
            self.counts["disputed"] += min(found.values()) < -NOTHING
        self.counts["windows"] += count

    def facts(self, rate: int) -> dict[str, Any]:
        """The record of one recording."""
        names = ("diarization", "neighbours", "voice", "nothing")
        decided: Mapping[str, int] = {name: self.decided_by[name] for name in names}
        plain = {name: self.counts[name] for name in ("stretches", "regions", "crowded", "windows", "disputed")}
        return {**plain, "decided_by": decided, "heard_seconds": round(self.counts["samples"] / rate, 3)}
