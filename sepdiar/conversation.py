"""The one value that flows through everything: a conversation, frozen, without samples, always the same bytes.

Time is an integer count of samples at the recording's own rate; a span is half open, `start` in, `end` out.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sepdiar.schema import build, parse

SCHEMA = 1
ORIGINS = ("copied", "mixed", "separated", "faded", "silent", "recorded")


@dataclass(frozen=True, order=True)
class Span:
    """Samples `start` to `end`, the last one not included.

    >>> Span(10, 30) & Span(20, 40)
    Span(start=20, end=30)
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span needs 0 <= start <= end, not {self.start}..{self.end}")

    def __len__(self) -> int:
        return self.end - self.start

    def __and__(self, other: Span) -> Span | None:
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def shift(self, samples: int) -> Span:
        """The same stretch, later by `samples`."""
        return Span(self.start + samples, self.end + samples)

    def at_rate(self, old: int, new: int) -> Span:
        """The same stretch in samples of another rate, each end rounded to the nearest sample.

        >>> Span(8000, 16000).at_rate(16000, 44100)
        Span(start=22050, end=44100)
        """
        return Span((2 * self.start * new + old) // (2 * old), (2 * self.end * new + old) // (2 * old))


@dataclass(frozen=True)
class Word:
    text: str
    span: Span
    confidence: float | None = None


@dataclass(frozen=True)
class Turn:
    """One speaker speaking, with the parts of it in which somebody else speaks too."""

    speaker: str
    span: Span
    words: tuple[Word, ...] = ()
    overlap: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """Where the samples of a part of a track came from.

    `copied` from the input sample for sample; `mixed`: copied, but somebody else is heard in it; `separated` by a model;
    `faded`: the edge beside a stretch, input times a ramp; `silent`: zeros; `recorded` that way in the input.
    """

    span: Span
    origin: str

    def __post_init__(self) -> None:
        if self.origin not in ORIGINS:
            raise ValueError(f"origin is one of {', '.join(ORIGINS)}, not {self.origin!r}")


@dataclass(frozen=True)
class Track:
    """One speaker's channel: `channel` of `file`, which begins at `span.start` of the recording and keeps its clock."""

    speaker: str
    file: str
    channel: int
    span: Span
    stretches: tuple[Stretch, ...] = ()
    sha256: str = ""


@dataclass(frozen=True)
class Recording:
    """What came in. `notes` are faults found while decoding, in words; `damaged` are the spans kept as silence.

    In a run `path` is the name of the file alone. Until it is decoded, `rate`, `samples` and `channels` are 0.
    """

    id: str
    path: str
    sha256: str
    rate: int = 0
    samples: int = 0
    channels: int = 0
    notes: tuple[str, ...] = ()
    damaged: tuple[Span, ...] = ()

    @property
    def seconds(self) -> float:
        return self.samples / self.rate if self.rate else 0.0


@dataclass(frozen=True)
class Score:
    """A figure that adds: the value of a corpus is the sum of the parts, never a mean of means.

    >>> (Score("overlap", 1, 10, "samples") + Score("overlap", 2, 90, "samples")).value
    0.03
    """

    name: str
    numerator: float
    denominator: float
    unit: str

    def __add__(self, other: Score) -> Score:
        if (self.name, self.unit) != (other.name, other.unit):
            raise ValueError(f"{self.name} in {self.unit} and {other.name} in {other.unit} do not add")
        return replace(self, numerator=self.numerator + other.numerator, denominator=self.denominator + other.denominator)

    @property
    def value(self) -> float | None:
        """The ratio; None where there was nothing to count."""
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True)
class Provenance:
    """Which stage, in which version, with which model, made what is here."""

    stage: str
    version: str
    model: str = ""
    model_sha256: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Conversation:
    """A recording with what is known of it: who speaks when, the tracks, the words, the scores, and how each came to be.

    `configuration` is everything that the chain was made of: its settings, the versions of packages, and the hashes of code
    and weights, with their fingerprint. It is empty for what no run made.
    """

    recording: Recording
    turns: tuple[Turn, ...] = ()
    tracks: tuple[Track, ...] = ()
    scores: tuple[Score, ...] = ()
    provenance: tuple[Provenance, ...] = ()
    configuration: Mapping[str, Any] = field(default_factory=dict)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everybody who has a turn, in the order of first speaking."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no NaN, ASCII, so that the same value is always the same bytes."""
        facts = {"schema": SCHEMA, **asdict(self)}
        if not self.configuration:
            del facts["configuration"]
        return canonical_json(facts)

    @classmethod
    def from_json(cls, text: str) -> Conversation:
        """The value that `to_json` wrote; `ValueError` says what is wrong with anything else."""
        data = parse(text)
        if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
            raise ValueError(f"not a conversation of schema {SCHEMA}")
        try:
            return build(cls, data)
        except ValueError as error:
            raise ValueError(f"not a conversation: {error}") from error


def canonical_json(value: Any) -> str:
    """One line of JSON with sorted keys, ASCII only; `ValueError` for NaN and infinity."""
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=True, separators=(",", ":"))


def merged(spans: Iterable[Span], gap: int = 0) -> tuple[Span, ...]:
    """The union of spans, in order; those that touch, or lie at most `gap` samples apart, become one.

    >>> merged([Span(5, 9), Span(0, 6), Span(20, 21)])
    (Span(start=0, end=9), Span(start=20, end=21))
    """
    union: list[Span] = []
    for span in sorted(span for span in spans if len(span)):
        if union and span.start <= union[-1].end + gap:
            union[-1] = Span(union[-1].start, max(union[-1].end, span.end))
        else:
            union.append(span)
    return tuple(union)


def intersected(left: Iterable[Span], right: Iterable[Span]) -> tuple[Span, ...]:
    """What lies in both, in order."""
    ours, theirs = merged(left), merged(right)
    common: list[Span] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        if part := ours[i] & theirs[j]:
            common.append(part)
        if ours[i].end < theirs[j].end:
            i += 1
        else:
            j += 1
    return tuple(common)


def outside(span: Span, taken: Iterable[Span]) -> tuple[Span, ...]:
    """The parts of `span` in which nothing is taken, in order.

    >>> outside(Span(0, 10), [Span(2, 4), Span(8, 12)])
    (Span(start=0, end=2), Span(start=4, end=8))
    """
    edges = [span.start]
    for part in intersected([span], taken):
        edges += [part.start, part.end]
    edges.append(span.end)
    return tuple(Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end)


def mark_overlaps(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The turns by start, end and speaker, each with `overlap` set to where anybody else speaks too."""
    ordered = sorted(turns, key=lambda turn: (turn.span, turn.speaker))
    activity: dict[str, tuple[Span, ...]] = {}
    for speaker in {turn.speaker for turn in ordered}:
        activity[speaker] = merged(turn.span for turn in ordered if turn.speaker == speaker)
    others = {
        speaker: merged(span for name, spans in activity.items() if name != speaker for span in spans) for speaker in activity
    }
    crossed = {speaker: intersected(activity[speaker], others[speaker]) for speaker in activity}
    return tuple(replace(turn, overlap=within(turn.span, crossed[turn.speaker])) for turn in ordered)


def within(span: Span, ordered: Sequence[Span]) -> tuple[Span, ...]:
    """The parts of merged spans that lie in `span`, in order; quick where there are many and `span` is short."""
    first = bisect_right(ordered, span.start, key=lambda other: other.end)
    last = bisect_left(ordered, span.end, key=lambda other: other.start)
    return tuple(part for other in ordered[first:last] if (part := span & other))
