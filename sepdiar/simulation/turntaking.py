"""When people speak in a conversation of two: gaps, overlaps, pauses and backchannels as they are found in human talk.

The figures follow what is measured there: the offset between two speakers' turns has its mode near +200 ms, and about 40 % of
the changes of speaker are overlapped (Heldner & Edlund 2010, "Pauses, gaps and overlaps in conversations"; Stivers et al.
2009); listeners' short tokens lie inside the other's turn (Yngve 1970; Jurafsky et al. 1997 count one utterance in five).

The share of overlapped speech that is asked for is reached in three ways. Measured against the natural 0.2, the share of
overlapped changes and the median overlap grow with the square root of what is asked; backchannels close the distance, since
one is said only where overlap is owed, the longer the more is owed; and a change is overlapped for longer where much is still
owed. Above the natural share, what is said inside the other's turn may also lie across his pauses. Gaps and pauses are the
same for every share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from numpy.random import Generator

from sepdiar.conversation import Span, Turn, Word, intersected
from sepdiar.simulation.speech import PAUSE, Speech

NATURAL_OVERLAP = 0.2  # of speech, in lively talk between two who know each other
OVERLAPPED_CHANGES = 0.4
GAP = (0.33, 0.7, 0.02, 2.5)  # seconds: median, spread of the logarithm, least, most; the mode is at 0.2 s
OVERLAP = (0.45, 0.6, 0.08, 3.0)
HOLD_PAUSE = (0.55, 0.5, PAUSE + 0.02, 2.5)
TURN = (2.4, 0.7, 0.7, 12.0)
BACKCHANNEL_LENGTH = (0.45, 0.35, 0.25, 1.0)
HOLDS = 0.25  # share of turns after which the same speaker goes on
LATE = 0.5  # seconds of overlap that may be owed before changes are overlapped for longer
BEFORE, AFTER = 0.25, 0.6  # seconds of a turn that stay clear around a backchannel
MOST_OF_A_TURN = 0.8  # that another can overlap at its end


def drawn(rng: Generator, shape: tuple[float, float, float, float], scale: float = 1.0) -> float:
    """Seconds from a log-normal distribution with this median and spread, within its bounds."""
    median, spread, least, most = shape
    return min(max(median * scale * math.exp(spread * rng.standard_normal()), least), most)


@dataclass(frozen=True)
class Placed:
    """Something said, from sample `start` of the dialogue on; spans and words are on the dialogue's clock.

    `timed` and `untold` are as in `Speech`.
    """

    speaker: str
    start: int
    spans: tuple[Span, ...]
    words: tuple[Word, ...]
    backchannel: bool
    timed: bool
    untold: bool

    def turns(self) -> list[Turn]:
        """One turn for each stretch without a pause, with its words."""
        return [
            Turn(self.speaker, span, tuple(Word(word.text, inside) for word in self.words if (inside := word.span & span)))
            for span in self.spans
        ]


@dataclass
class Floor:
    """Who has spoken so far, and when the next may; places one thing after the other and keeps the overlap near what is asked."""

    rate: int
    overlap: float
    rng: Generator
    _spoken: dict[str, list[Span]] = field(default_factory=dict)  # the latest only
    _holder: str = ""
    _turn: tuple[Span, ...] = ()
    _speech: int = 0
    _overlapped: int = 0

    @property
    def end(self) -> int:
        """Where the turn of the one who has the floor ends."""
        return self._turn[-1].end if self._turn else 0

    @property
    def owed(self) -> float:
        """Seconds of overlap that are missing to the share asked for; negative where there is too much."""
        return (self.overlap * self._speech / (1 + self.overlap) - self._overlapped) / self.rate

    @property
    def owed_by_backchannels(self) -> float:
        """What is owed, less what the next change brings on average; above the natural share, where that is little, all of it."""
        if self.overlap > NATURAL_OVERLAP:
            return self.owed
        return self.owed - self._share_of_changes * OVERLAP[0] * self._scale * math.exp(OVERLAP[1] ** 2 / 2)

    def say(self, speaker: str, speech: Speech, until: int | None = None) -> Placed | None:
        """Place a turn after the latest one; None where it would end after `until`."""
        if not self._holder:
            start = self._samples(self.rng.uniform(0.3, 0.8))
        elif speaker == self._holder:
            start = self.end + self._samples(drawn(self.rng, HOLD_PAUSE))
        else:
            start = self._after_change(speaker, speech)
        if until is not None and start + len(speech) > until:
            return None
        placed = self._place(speaker, start, speech, False)
        self._holder, self._turn = speaker, placed.spans
        return placed

    def interject(self, speaker: str, speech: Speech) -> Placed | None:
        """Place a backchannel inside the latest turn; None where none is allowed or there is no room."""
        windows = self._windows(speaker, len(speech))
        if not windows:
            return None
        place = int(self.rng.integers(sum(map(len, windows))))
        for window in windows:
            if place < len(window):
                break
            place -= len(window)
        return self._place(speaker, window.start + place, speech, True)

    def room(self, speaker: str) -> float:
        """Seconds of the longest backchannel for which there is room."""
        return max(map(len, self._windows(speaker, 0)), default=0) / self.rate

    def _windows(self, speaker: str, length: int) -> list[Span]:
        """Where a backchannel of this length can begin: well inside a turn of the other, and apart from what its speaker says."""
        if not self.overlap or speaker == self._holder:
            return []
        before, after, pause = (self._samples(seconds) for seconds in (BEFORE, AFTER / max(1, self._scale), PAUSE))
        spans = self._turn if self.overlap <= NATURAL_OVERLAP else (self._whole_turn,)
        inside = ((span.start + before, span.end - after - length) for span in spans)
        windows = [Span(start, end) for start, end in inside if start < end]
        for own in self._spoken.get(speaker, ()):
            blocked = Span(max(0, own.start - pause - length), own.end + pause)
            windows = [part for window in windows for part in _without(window, blocked)]
        return windows

    def _after_change(self, speaker: str, speech: Speech) -> int:
        overlapped = self.rng.random() < self._share_of_changes
        length = drawn(self.rng, OVERLAP, self._scale)
        gap = drawn(self.rng, GAP)
        own = self._spoken.get(speaker)
        free = own[-1].end + self._samples(PAUSE) if own else 0
        near, next_turn = self._turn[-1], speech.spans[0]
        if self.overlap > NATURAL_OVERLAP:
            near, next_turn = self._whole_turn, Span(0, len(speech))
        longest = min(MOST_OF_A_TURN * min(len(near), len(next_turn)), self.end - free)
        if overlapped and longest >= self._samples(OVERLAP[2]):
            return self.end - min(self._samples(max(length, self.owed - LATE)), int(longest))
        return max(self.end + self._samples(gap), free)

    def _place(self, speaker: str, start: int, speech: Speech, backchannel: bool) -> Placed:
        spans = tuple(span.shift(start) for span in speech.spans)
        others = [span for name, spoken in self._spoken.items() if name != speaker for span in spoken]
        self._overlapped += sum(map(len, intersected(spans, others)))
        self._speech += sum(map(len, spans))
        own = sorted([*self._spoken.get(speaker, []), *spans])
        self._spoken[speaker] = [span for span in own if span.end > start - 60 * self.rate]
        words = tuple(Word(word.text, word.span.shift(start)) for word in speech.words)
        return Placed(speaker, start, spans, words, backchannel, speech.timed, speech.untold)

    @property
    def _whole_turn(self) -> Span:
        return Span(self._turn[0].start, self.end)

    @property
    def _scale(self) -> float:
        return math.sqrt(self.overlap / NATURAL_OVERLAP)

    @property
    def _share_of_changes(self) -> float:
        return min(OVERLAPPED_CHANGES * self._scale, 0.75)

    def _samples(self, seconds: float) -> int:
        return round(seconds * self.rate)


def _without(window: Span, blocked: Span) -> list[Span]:
    parts = (window.start, min(window.end, blocked.start)), (max(window.start, blocked.end), window.end)
    return [Span(start, end) for start, end in parts if start < end]
