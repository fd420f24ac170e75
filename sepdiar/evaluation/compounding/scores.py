"""One recording against its truth, in one cell: counts that add over recordings, and the cases that medians are taken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.compounding.truths import Ready
from sepdiar.evaluation.heard import heard
from sepdiar.formats.segments import TICKS, Segment, of_conversation
from sepdiar.metrics.diarization import diarization_error
from sepdiar.metrics.recognition import word_error
from sepdiar.metrics.result import added
from sepdiar.metrics.spoken import word_places
from sepdiar.metrics.truth import Pair, dialogues
from sepdiar.metrics.turns import CASES, Found, cases
from sepdiar.pipeline import Take

NORMALIZER = "basic"
KINDS = ("cp", "tcp", "orc")


@dataclass(frozen=True)
class Scored:
    """What one cell made of one recording; `failure` says why there is nothing: all speech and words then count as missed."""

    counts: Mapping[str, float]
    cases: Mapping[str, Sequence[int]] = field(default_factory=dict)
    failure: str = ""
    sound: Mapping[str, float] = field(default_factory=dict)
    """The counts of what is heard on the channels, apart, for they are compared only where no cell refused the recording."""

    @property
    def heard(self) -> Scored:
        """With the counts of what is heard among the others."""
        return replace(self, counts={**self.counts, **self.sound})

    @property
    def found(self) -> Found:
        """Turns as the metric of turn taking adds them up."""
        return Found(self.counts, **{key: self.cases.get(key, ()) for key in CASES})


def channels(truth: Ready, take: Take | SepdiarError) -> Scored:
    """Who speaks when, and what is heard."""
    ours, theirs = _turns(truth, take)
    whole = Span(0, truth.true.recording.samples).at_rate(truth.true.recording.rate, TICKS)
    error = diarization_error(ours, theirs, uem={truth.name: [whole]})
    found = cases(ours, theirs)[truth.name]
    many, true = len({one.speaker for one in theirs}), len({one.speaker for one in ours})
    counts = {"recordings": 1.0, "counted": float(many == true), "miscounted": float(abs(many - true))}
    counts |= {**error.counts, **found.counts, "refused": float(isinstance(take, SepdiarError))}
    failure = str(take) if isinstance(take, SepdiarError) else ""
    return Scored(counts, {key: list(getattr(found, key)) for key in CASES}, failure, _sound(truth, take))


def words(truth: Ready, take: Take | SepdiarError) -> dict[str, float]:
    """Which words; nothing where the truth has none."""
    ours, theirs = _turns(truth, take)
    if not any(one.words for one in ours):
        return {}
    counts: dict[str, float] = {}
    for kind in KINDS:
        found = word_error(ours, theirs, kind=kind, normalizer=NORMALIZER).counts
        counts |= {f"{kind}_{key}": found[key] for key in ("errors", "length", "insertions", "deletions", "substitutions")}
    return counts | word_places(ours, theirs, *_turns(truth, take, each="word"), normalizer=NORMALIZER)


def compared(rows: Mapping[str, Sequence[Scored]]) -> dict[str, list[Scored]]:
    """The rows of some cells, with what is heard of the recordings that none of them refused."""
    whole = [not any(one.failure for one in each) for each in zip(*rows.values(), strict=True)]
    return {name: [one.heard if there else one for one, there in zip(own, whole, strict=True)] for name, own in rows.items()}


def _sound(truth: Ready, take: Take | SepdiarError) -> dict[str, float]:
    """Nothing where the recording was refused, or the truth has not two tracks."""
    if isinstance(take, SepdiarError) or len(truth.true.tracks) != 2:
        return {}
    pair = Pair(take.conversation, take.item, truth.true, truth.folder)
    return added(part for side in dialogues(pair) for part in heard(pair, side, filtered=True))


def _turns(truth: Ready, take: Take | SepdiarError, each: str = "turn") -> tuple[list[Segment], list[Segment]]:
    """Those of the truth and those that were found, none where the recording was refused."""
    made = () if isinstance(take, SepdiarError) else of_conversation(take.conversation, each=each)
    return list(of_conversation(truth.true, each=each)), [replace(one, session=truth.name) for one in made]
