"""What a metric gives: one number, the counts it is made of, and the protocol it was measured under."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sepdiar.conversation import canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import Segment

Counts = Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """A number with what it was made of, so that nobody need trust it.

    `value` is a fraction or in dB; None where there was nothing to count. `counts` add over sessions: those of the whole
    are the sums of those in `per_session`. `figures` follow from the counts or from the pooled cases (fractions, medians).
    `protocol` says in words what was done; it belongs beside the number wherever that stands.
    """

    metric: str
    value: float | None
    counts: Counts
    protocol: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    per_session: Mapping[str, Result] = field(default_factory=dict)

    def to_json(self) -> str:
        """Canonical JSON with `metric`, `value`, `counts`, `figures`, `protocol`, and value and counts of each of `sessions`.

        >>> Result("der", 0.25, {"miss": 1.0, "total": 4.0}, "no collar").to_json()
        '{"counts":{"miss":1.0,"total":4.0},"figures":{},"metric":"der","protocol":"no collar","sessions":{},"value":0.25}'
        """
        sessions = {
            name: {"value": one.value, "counts": dict(one.counts), "figures": dict(one.figures)}
            for name, one in self.per_session.items()
        }
        whole = {"metric": self.metric, "value": self.value, "counts": dict(self.counts), "figures": dict(self.figures)}
        return canonical_json({**whole, "protocol": self.protocol, "sessions": sessions})


def added(all_counts: Iterable[Counts]) -> dict[str, float]:
    """Counts of several sessions as those of the whole.

    >>> added([{"miss": 1, "total": 4}, {"miss": 2, "total": 6}])
    {'miss': 3, 'total': 10}
    """
    total: dict[str, float] = {}
    for counts in all_counts:
        for key, value in counts.items():
            total[key] = total.get(key, 0) + value
    return total


def ratio(part: float, whole: float) -> float | None:
    """The fraction; None where the whole is nothing."""
    return part / whole if whole else None


def by_session(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """The segments of each session, sessions in order of their names."""
    sessions: dict[str, list[Segment]] = {}
    for segment in segments:
        sessions.setdefault(segment.session, []).append(segment)
    return dict(sorted(sessions.items()))


def check_sessions(reference: Iterable[str], hypothesis: Iterable[str]) -> None:
    """Refuse a hypothesis for what the reference does not have (SD601), and an empty reference (SD602)."""
    known, said = set(reference), set(hypothesis)
    if not known:
        raise SepdiarError("SD602", "the reference has no segment")
    if strange := sorted(said - known):
        raise SepdiarError(
            "SD601",
            f"the hypothesis has {strange[0]!r}{f' and {len(strange) - 1} more' if strange[1:] else ''}, which the reference "
            f"has not; it has {', '.join(repr(name) for name in sorted(known)[:3])}{', ...' if len(known) > 3 else ''}",
        )


def need(package: str, extra: str) -> None:
    """SD250, with the command that mends it, where an optional package is missing."""
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:  # of a package in a namespace whose parent is missing
        found = None
    if found is None:
        raise SepdiarError("SD250", f"this needs {package}", hint=f"pip install 'sepdiar[{extra}]'")
