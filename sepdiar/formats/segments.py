"""What scoring files hold: who spoke when, and what. RTTM, STM, CTM, SegLST and UEM are read into this and written from it.

Those files carry seconds and know no sample rate, so their clock here is an integer count of microseconds: float noise is
rounded away, sums are exact, and every sample of a rate below 500 kHz comes back as itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from typing import NoReturn, Protocol

from sepdiar.conversation import Conversation, Span, Turn, Word, mark_overlaps, merged
from sepdiar.errors import SepdiarError

TICKS = 1_000_000  # in a second
LATEST = 10**9  # seconds, thirty years: a larger time is a mistake


@dataclass(frozen=True)
class Segment:
    """Somebody speaking in a session from `span.start` to `span.end` microseconds; `words` where they are known.

    >>> Segment("talk", "A", Span(500_000, 1_250_000), "hello there").seconds
    0.75
    """

    session: str
    speaker: str
    span: Span
    words: str = ""
    confidence: float | None = None

    @property
    def seconds(self) -> float:
        return len(self.span) / TICKS


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """By session, time, speaker and words: the order in which every writer writes, whatever it is given."""
    return sorted(segments, key=lambda one: (one.session, one.span, one.speaker, one.words, one.confidence or 0.0))


class Spoken(Protocol):
    """A stretch in which somebody speaks: a segment, or a turn."""

    @property
    def speaker(self) -> str: ...
    @property
    def span(self) -> Span: ...


def speech(spoken: Iterable[Spoken]) -> dict[str, tuple[Span, ...]]:
    """When each speaker speaks: the union of their spans, speakers in the order of first speaking.

    >>> speech([Segment("talk", "A", Span(0, 2)), Segment("talk", "A", Span(2, 3))])
    {'A': (Span(start=0, end=3),)}
    """
    spans: dict[str, list[Span]] = {}
    for one in sorted(spoken, key=lambda one: (one.span, one.speaker)):
        spans.setdefault(one.speaker, []).append(one.span)
    return {speaker: union for speaker, own in spans.items() if (union := merged(own))}


def of_conversation(conversation: Conversation, *, each: str = "turn") -> tuple[Segment, ...]:
    """The turns of a conversation as segments, or with `each="word"` its words; the session is the recording's id."""
    session, rate = conversation.recording.id, conversation.recording.rate
    segments = []
    for turn in conversation.turns:
        if each == "turn":
            said = " ".join(word.text for word in turn.words)
            segments.append(Segment(session, turn.speaker, turn.span.at_rate(rate, TICKS), said))
        else:
            segments += [
                Segment(session, turn.speaker, word.span.at_rate(rate, TICKS), word.text, word.confidence) for word in turn.words
            ]
    return tuple(segments)


def to_turns(segments: Iterable[Segment], rate: int) -> tuple[Turn, ...]:
    """Segments of one session as turns at `rate`, overlaps marked.

    A word has a time of its own only where its segment is that one word; the words of a longer one all get its span.

    >>> to_turns([Segment("talk", "A", Span(500_000, 1_000_000), "yes")], 8000)[0].words
    (Word(text='yes', span=Span(start=4000, end=8000), confidence=None),)
    """
    turns = []
    for segment in segments:
        span = segment.span.at_rate(TICKS, rate)
        words = tuple(Word(text, span, segment.confidence) for text in segment.words.split())
        turns.append(Turn(segment.speaker, span, words))
    return mark_overlaps(turns)


def spread(segment: Segment) -> Iterator[Segment]:
    """The words of a segment, each with its share of the time by its length.

    >>> [(one.words, one.span.end) for one in spread(Segment("talk", "A", Span(0, 90), "it is fine"))]
    [('it', 22), ('is', 45), ('fine', 90)]
    """
    words = segment.words.split()
    ends = list(accumulate((len(word) for word in words), initial=0))
    for word, first, last in zip(words, ends, ends[1:], strict=False):
        start, end = (segment.span.start + len(segment.span) * at // ends[-1] for at in (first, last))
        yield replace(segment, words=word, span=Span(start, end))


@dataclass(frozen=True)
class Line:
    """One line of a file, so that whatever is wrong with it can be said with its place."""

    file: str
    number: int
    text: str
    expected: str

    def wrong(self, what: str) -> NoReturn:
        """Refuse the line."""
        raise SepdiarError("SD502", f"{what}; expected: {self.expected}", where=f"{self.file}, line {self.number}")

    def columns(self, at_least: int, at_most: int) -> list[str]:
        """What stands between white space."""
        found = self.text.split()
        if not at_least <= len(found) <= at_most:
            self.wrong(f"{len(found)} columns")
        return found

    def columns_and_text(self, columns: int) -> tuple[list[str], str]:
        """The first columns, and the rest of the line, which may be empty."""
        found = self.text.split(None, columns)
        if len(found) < columns:
            self.wrong(f"{len(found)} columns")
        return found[:columns], " ".join(found[columns:])

    def ticks(self, text: str, name: str) -> int:
        """A time in seconds as microseconds."""
        try:
            return to_ticks(text)
        except ValueError as error:
            self.wrong(f"{name} {error}")

    def span(self, begin: str, *, end: str = "", duration: str = "") -> Span:
        """From `begin` to `end`, or for `duration`; zero length is allowed, as files have it."""
        start = self.ticks(begin, "begin")
        stop = self.ticks(end, "end") if end else start + self.ticks(duration, "duration")
        if stop < start:
            self.wrong(f"it ends at {end}, before it begins at {begin}")
        return Span(start, stop)


def lines(text: str, file: str, expected: str) -> Iterator[Line]:
    """The lines that are neither empty nor a comment (`;`, as NIST writes them, or `#`)."""
    for number, line in enumerate(text.split("\n"), 1):
        if (bare := line.strip()) and bare[0] not in ";#":
            yield Line(file, number, bare, expected)


def to_ticks(text: str) -> int:
    """Seconds, as a file writes them, in microseconds; `ValueError` for what is no time.

    >>> to_ticks("1.25"), to_ticks("3.3000000000000003"), to_ticks("1e-3")
    (1250000, 3300000, 1000)
    """
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"is {text!r}, which is not a number") from None
    if not (seconds.is_finite() and 0 <= seconds <= LATEST):
        raise ValueError(f"is {text}, which is no time in seconds from 0 on")
    return round(seconds * TICKS)


def to_seconds(ticks: int) -> str:
    """Microseconds as seconds: three decimals, and up to six where they are needed, so that nothing is lost.

    >>> to_seconds(1_250_000), to_seconds(22)
    ('1.250', '0.000022')
    """
    whole, part = divmod(ticks, TICKS)
    return f"{whole}.{re.sub('0{1,3}$', '', f'{part:06d}')}"


def name(text: str, kind: str) -> str:
    """`text` if it can stand in a column: not empty, no white space, not the beginning of a comment; else SD501."""
    if text.split() != [text] or text[0] in ";#":
        raise SepdiarError("SD501", f"{text!r} cannot be a {kind} in a file of columns", hint="Give it a name without spaces.")
    return text
