"""One recording against its truth: counts that add over recordings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sepdiar.conversation import Conversation, Span
from sepdiar.evaluation.embedded.systems import Ran
from sepdiar.evaluation.heard import heard
from sepdiar.formats import read_conversation
from sepdiar.formats.segments import TICKS, of_conversation
from sepdiar.metrics.diarization import diarization_error
from sepdiar.metrics.result import Counts, added
from sepdiar.metrics.truth import Pair, dialogues
from sepdiar.metrics.turns import turn_taking


@dataclass(frozen=True)
class Row:
    """What a system made of one recording; `failure` says why there is nothing, and all speech counts as missed then."""

    recording: str
    counts: Counts
    speakers: int = 0
    failure: str = ""


def scored(ran: Ran, folder: Path) -> list[Row]:
    """Every recording of a case, in order."""
    places = [file.parent for file in sorted(folder.glob("*/conversation.json"))]
    return [_row(ran, place, ran.cost["processor"] / len(places)) for place in places]


def _row(ran: Ran, folder: Path, processor: float) -> Row:
    true = read_conversation(folder / "conversation.json")
    name, seconds = true.recording.id, true.recording.seconds
    counts = {"recordings": 1.0, "seconds": seconds}
    counts |= {"stage_seconds": ran.stages.get(name, 0.0), "processor_seconds": processor}
    if name not in ran.items:
        return Row(name, counts | _who(true, None), failure=ran.failures.get(name, "not done"))
    made, item = ran.items[name]
    pair = Pair(made, item, true, folder)
    count = len(made.speakers)
    sides = list(dialogues(pair))
    counts |= {
        "counted": float(count == len(true.speakers)),
        "kept_seconds": sum(side.hypothesis.samples for side in sides) / made.recording.rate,
    }
    parts = [part for side in sides for part in heard(pair, side)]
    return Row(name, added([counts | _who(true, pair), *parts]), count)


def _who(true: Conversation, pair: Pair | None) -> dict[str, float]:
    """Who speaks when: the whole recording, whatever was kept of it."""
    ours, theirs = pair.segments() if pair else (list(of_conversation(true)), [])
    whole = Span(0, true.recording.samples).at_rate(true.recording.rate, TICKS)
    error = diarization_error(ours, theirs, uem={ours[0].session: [whole]})
    return {**error.counts, **turn_taking(ours, theirs).counts}
