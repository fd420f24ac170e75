"""What `results.json` holds: the figures of each system on each case and on cases together, and whether the goals are met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sepdiar.evaluation.embedded.scores import Row
from sepdiar.evaluation.figures import FIGURES, PROTOCOL, figures, rates

KEPT = sorted({"recordings"}.union(*(figure.counts for figure in FIGURES.values())))
GOAL = "clean-20-2min"
GOALS = (("der", "at most", 8.0), ("onsets", "at least", 85.0))
PROTOCOLS = (
    "the number of speakers is not told to the chain; words are left out; a recording that a system refuses counts as missed",
    "DER: no collar, overlap scored, whole recordings; missed, false alarm, confusion: its parts; counted right: recordings with "
    "as many speakers found as there are",
    "onsets 50 ms: share of the true turns found with their onset within 50 ms; a turn ends at a pause of 0.3 s",
    "SI-SDR: mean over channels, each from -100 to 100 dB, assigned once a dialogue; clean: where in truth the channel's speaker "
    "alone speaks; overlap: where both do; mixture overlap: that of the input in the same stretches; improvement: over it",
    "leakage: energy of a channel where only the other speaks, over that of the other, energies added up",
    "wrong speaker: of the turns in which anybody is heard, those whose time is mostly another's; swaps: changes of which "
    "channel holds whom, from piece to piece of overlap; swapped: of the overlap that can be decided, what lies the other way; "
    "undecided: pieces that tell nothing, as where the chain was in doubt and left two voices together",
    "clean kept: of the samples in which one alone speaks, the share that their channel has from the input unchanged",
    "copied changed: of the samples that the chain says it copied, the share that is not in the input so",
    "written: the share of the recordings that was written to two channels; the rest has no SI-SDR",
    "times real time: seconds of audio over processor seconds of the whole command, start-up and all, one thread, one run; "
    "processor seconds, because other work may take its part of the clock (results.json has the clock of the stages too)",
    PROTOCOL,
)


@dataclass(frozen=True)
class Entry:
    """What one system made of one case; `case` is its name, `group` those cases that are shown together with it."""

    system: str
    case: str
    group: str
    rows: Sequence[Row]
    cost: Mapping[str, float]
    models: Mapping[str, str]
    kind: Mapping[str, Any] = field(default_factory=dict)


def entry_of(facts: Mapping[str, Any]) -> Entry:
    """An entry as `asdict` and JSON kept it."""
    return Entry(**{**facts, "rows": [Row(**row) for row in facts["rows"]]})


def collected(entries: Sequence[Entry]) -> dict[str, Any]:
    """Figures of each entry, of each system over each group, the goals, the models."""
    groups = dict.fromkeys(entry.group for entry in entries)
    systems = dict.fromkeys(entry.system for entry in entries)
    together = []
    for name in groups:
        for system in systems:
            rows = [row for entry in entries if (entry.group, entry.system) == (name, system) for row in entry.rows]
            if rows:
                together.append({"group": name, "system": system, **_figures(rows)})
    names = {name for entry in entries for name in entry.models}
    return {
        "protocol": list(PROTOCOLS),
        "goals": list(goals(entries)),
        "groups": together,
        "cases": [_case(entry) for entry in entries],
        "models": {name: sorted({entry.models[name] for entry in entries if name in entry.models}) for name in sorted(names)},
    }


def goals(entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """What the chain that ships is meant to reach on clean dialogues with a fifth in overlap, and whether it does."""
    rows = [row for entry in entries if (entry.system, entry.case) == ("embedded", GOAL) for row in entry.rows]
    if not rows:
        return
    made = figures([row.counts for row in rows])
    for key, relation, limit in GOALS:
        value = made[key].value
        holds = value is not None and (value <= limit if relation == "at most" else value >= limit)
        yield {"what": FIGURES[key].title, "case": GOAL, **asdict(made[key]), "goal": f"{relation} {limit:g} %", "holds": holds}
    every = figures([row.counts for entry in entries if entry.system == "embedded" for row in entry.rows])["copied_changed"]
    yield {"what": FIGURES["copied_changed"].title, "case": "all", **asdict(every), "goal": "0 %", "holds": every.value == 0}


def endured(entries: Sequence[Entry]) -> dict[str, Any]:
    """Swaps over many hours: how many, and where 95 % of the rates an hour lie that give so many; and each dialogue."""
    rows = [row for entry in entries for row in entry.rows]
    swaps, hours = (sum(row.counts.get(key, 0.0) for row in rows) for key in ("swaps", "hours"))
    low, high = rates(swaps, hours)
    facts: dict[str, Any] = {"system": entries[0].system, "swaps": swaps, "hours": round(hours, 4), "low": low, "high": high}
    facts |= {"recordings": len(rows), **_figures(rows), "models": dict(entries[0].models)}
    return {**facts, "cases": [_case(entry) for entry in entries], "done": _figures([row for row in rows if not row.failure])}


def _case(entry: Entry) -> dict[str, Any]:
    facts = {"system": entry.system, "case": entry.case, "group": entry.group, "cost": dict(entry.cost), **entry.kind}
    counts = [
        {**asdict(row), "counts": {key: round(row.counts[key], 6) for key in KEPT if key in row.counts}} for row in entry.rows
    ]
    return {**facts, **_figures(entry.rows), "recordings": counts}


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    made = figures([row.counts for row in rows])
    return {"figures": {key: asdict(value) for key, value in made.items()}, "refused": sum(bool(row.failure) for row in rows)}
