"""What a chain says of the recordings of a benchmark against what is true: counts that add, and figures of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sepdiar.conversation import Conversation, Span
from sepdiar.corpora import Truth
from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.meetings.chain import Made
from sepdiar.formats.segments import TICKS, Segment, of_conversation
from sepdiar.formats.uem import Regions
from sepdiar.metrics.diarization import diarization_error
from sepdiar.metrics.recognition import word_error
from sepdiar.metrics.result import Counts, Result

Normalizer = Callable[[str], str]
STRETCHES, SEGMENTS = "the files and stretches of the UEM", "segments that lie in the UEM, wholly or partly"

FIGURES = {
    "DER": (("miss", "false_alarm", "confusion"), "total"),
    "missed": (("miss",), "total"),
    "false alarm": (("false_alarm",), "total"),
    "confusion": (("confusion",), "total"),
    "JER": (("jaccard_error",), "speakers"),
    "cpWER": (("cp_errors",), "cp_length"),
    "ORC-WER": (("orc_errors",), "orc_length"),
    "tcpWER": (("tcp_errors",), "tcp_length"),
    "track 1 WER": (("segment_errors",), "segment_length"),
    "best stream": (("best_errors",), "best_length"),
    "no separation": (("mixture_errors",), "mixture_length"),
}
"""Each figure in percent: the counts above the line, added, and the one below it."""


@dataclass(frozen=True)
class Row:
    """A recording: its group (a condition, a microphone), the counts, how many people speak in truth and by the chain."""

    recording: str
    group: str
    counts: Counts
    speakers: int
    found: int
    failure: str = ""


@dataclass(frozen=True)
class Figure:
    """A percentage, and where 95 % of it lie when the recordings are drawn again; None where nothing was counted, or for one."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class System:
    """What is measured in a row of ours, or in several: its name, its recordings, how each score was found, and what it is."""

    name: str
    rows: Sequence[Row]
    protocol: Mapping[str, str]
    about: str = ""


@dataclass
class Sheet:
    """The counts of recordings while they are gathered, and the protocol of each score."""

    truths: Sequence[Truth]
    made: Made
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    protocol: dict[str, str] = field(default_factory=dict)

    def diarized(self, *, uem: bool) -> None:
        """Who speaks when: no collar, overlap scored; with `uem`, in the stretches that count, or the whole recording."""
        regions = uem_of(self.truths) if uem else None
        self._keep("diarization", "", self._said(diarization_error(self._true(), self._hypothesis(), uem=regions)))

    def worded(self, kind: str, normalize: Normalizer | None, name: str, *, uem: bool = False) -> None:
        """Who said what: `cp`, `tcp` or `orc`, of words that `normalize`, called `name`, has brought to one spelling."""
        sides = self._true(), self._hypothesis()
        if normalize:
            sides = spelled(sides[0], normalize), spelled(sides[1], normalize)
        found = word_error(*sides, kind=kind, normalizer="none" if normalize else name, uem=uem_of(self.truths) if uem else None)
        said = found.protocol if not normalize else found.protocol.replace("normalizer none: words compared as written", name)
        self._keep(f"{kind}wer", f"{kind}_", self._said(replace(found, protocol=said)))

    def rows(self, group: Callable[[Truth], str]) -> list[Row]:
        """Every recording, in order."""
        return [
            Row(
                truth.name,
                group(truth),
                self.counts.get(truth.name, {}),
                len(truth.conversation.speakers),
                len(value.speakers) if (value := self.made.conversations.get(truth.name)) else 0,
                self.made.failures.get(truth.name, ""),
            )
            for truth in self.truths
        ]

    def system(self, name: str, group: Callable[[Truth], str], about: str = "") -> System:
        """Everything that was gathered, under a name."""
        return System(name, self.rows(group), self.protocol, about)

    def add(self, what: str, counts: Mapping[str, Counts], protocol: str) -> None:
        """Counts of recordings by their names, and how they were found."""
        for name, own in counts.items():
            self.counts.setdefault(name, {}).update(own)
        self.protocol[what] = protocol

    def _said(self, result: Result) -> Result:
        """The same with its protocol right where no stretch was named, and the whole recording stands for them."""
        if any(truth.scored for truth in self.truths):
            return result
        protocol = result.protocol
        for said in (STRETCHES, SEGMENTS):
            protocol = protocol.replace(said, "the whole of each recording")
        return replace(result, protocol=protocol)

    def _keep(self, what: str, prefix: str, result: Result) -> None:
        rows = result.per_session.items()
        self.add(
            what, {name: {f"{prefix}{key}": value for key, value in one.counts.items()} for name, one in rows}, result.protocol
        )

    def _true(self) -> list[Segment]:
        return [one for truth in self.truths for one in of_conversation(truth.conversation)]

    def _hypothesis(self) -> list[Segment]:
        return [one for name, value in self.made.conversations.items() for one in named(value, name)]


def named(value: Conversation, name: str) -> list[Segment]:
    """Its turns as segments of the session `name`."""
    return [replace(one, session=name) for one in of_conversation(value)]


def spelled(segments: Iterable[Segment], normalize: Normalizer) -> list[Segment]:
    """The same segments, their words brought to one spelling."""
    return [replace(one, words=normalize(one.words)) for one in segments]


def uem_of(truths: Iterable[Truth]) -> Regions:
    """The stretches of each recording that are scored: the whole of it where none are named."""
    regions = {}
    for truth in truths:
        recording = truth.conversation.recording
        spans = truth.scored or (Span(0, recording.samples),)
        regions[truth.name] = [span.at_rate(recording.rate, TICKS) for span in spans]
    return regions


def figure(key: str, rows: Sequence[Row]) -> Figure:
    """A figure of some recordings, added up.

    >>> rows = [Row(name, "", {"cp_errors": errors, "cp_length": 10}, 2, 2) for name, errors in (("a", 1), ("b", 3))]
    >>> figure("cpWER", rows)
    Figure(value=20.0, low=10.0, high=30.0)
    """
    above, below = FIGURES[key]
    counted = [row.counts for row in rows if row.counts.get(below)]
    if not counted:
        return Figure(None)
    sums = np.array([[sum(counts.get(name, 0.0) for name in above), counts[below]] for counts in counted])
    top, bottom = sums.sum(axis=0)
    value = round(100 * float(top / bottom), 4)
    if len(counted) < 2:
        return Figure(value)
    drawn = bootstrap.drawn(len(counted)) @ sums
    return Figure(value, *bootstrap.interval(100 * drawn[:, 0] / drawn[:, 1]))
