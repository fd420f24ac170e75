"""Which stretches of a recording are separated, and what a separator hears of each: from the turns and the settings alone.

    S1            ############______________        turns
    S2            ________##########________
    stretch               ####
    window            [..........]                  with context on both sides, where each is heard alone
    windows           [..........]                  of a stretch that is too long for one
                            [..........]

Stretches that lie near each other, of the same people, are heard together: a region. A window is part of one region.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sepdiar.conversation import Span, Turn, intersected, merged, outside, within
from sepdiar.formats.segments import speech

GRID = 0.5  # seconds: windows are multiples of it, so that many have one length
COMMON = 1.5  # seconds that a window has in common with the next one at least, or a quarter of the longest window
JOIN = 0.25  # seconds over which one window passes into the next
ALONE = 0.5  # seconds in which somebody should be heard alone
REACHES = (1, 2, 3, 4)  # times the context, until somebody is

Stretch = tuple[Span, tuple[str, ...]]
Stretches = Iterator[Stretch]


@dataclass(frozen=True)
class Window:
    """What is heard at once; `part` is what is used of it, which passes into the next window's over `JOIN` seconds."""

    span: Span
    part: Span


@dataclass(frozen=True)
class Region:
    """Stretches of the same people that are heard together. `pair` are the two whom the two sources are given to."""

    stretches: tuple[Span, ...]
    speakers: tuple[str, ...]
    pair: tuple[str, str]
    windows: tuple[Window, ...]


class Activity:
    """Who speaks when in a recording of so many samples, and where each speaks alone."""

    def __init__(self, turns: Sequence[Turn], samples: int) -> None:
        self.whole = Span(0, samples)
        self.spoken = speech(turns)
        self._both: dict[tuple[str, str], tuple[Span, ...]] = {}
        self.alone = {one: intersected(spans, outside(self.whole, self.others((one,)))) for one, spans in self.spoken.items()}

    def others(self, speakers: Sequence[str]) -> tuple[Span, ...]:
        """Where anybody but these speaks."""
        return merged(span for one, spans in self.spoken.items() if one not in speakers for span in spans)

    def both(self, pair: tuple[str, str]) -> tuple[Span, ...]:
        """Where the two speak at once."""
        if pair not in self._both:
            self._both[pair] = intersected(self.spoken[pair[0]], self.spoken[pair[1]])
        return self._both[pair]

    def pair(self, speakers: Sequence[str], stretches: Sequence[Span]) -> tuple[str, str]:
        """Two of them: of more, the one who speaks most in the recording, against whoever else speaks most in the stretches.

        To one alone, whoever else speaks most in the recording is added.
        """

        def total(one: str) -> int:
            return sum(map(len, self.spoken[one]))

        def here(one: str) -> int:
            return sum(map(len, intersected(stretches, self.spoken[one])))

        if len(speakers) == 2:
            return speakers[0], speakers[1]
        first = max(speakers, key=total)
        rest = [one for one in (speakers if len(speakers) > 2 else self.spoken) if one != first]
        return first, max(rest, key=lambda one: (here(one), total(one)))


def overlapped(turns: Sequence[Turn]) -> Stretches:
    """Each maximal stretch in which several speak, with everybody who speaks in it."""
    parts = deque(sorted((part, turn.speaker) for turn in turns for part in turn.overlap))
    for stretch in merged(part for part, _ in parts):
        active: dict[str, None] = {}
        while parts and parts[0][0].start < stretch.end:
            active[parts.popleft()[1]] = None
        yield stretch, tuple(sorted(active))


def everything(turns: Sequence[Turn], samples: int) -> Stretches:
    """The whole recording with its two speakers; of more, cut wherever somebody begins who is not one of the last two."""
    start, latest = 0, dict[str, int]()
    for turn in sorted(turns, key=lambda turn: turn.span):
        if turn.speaker not in latest and len(latest) == 2:
            yield Span(start, turn.span.start), tuple(sorted(latest))
            start = turn.span.start
            latest.pop(min(latest, key=lambda one: latest[one]))
        latest[turn.speaker] = max(turn.span.end, latest.get(turn.speaker, 0))
    if latest:
        yield Span(start, samples), tuple(sorted(latest))


def plan(stretches: Stretches, activity: Activity, rate: int, window: float, context: float) -> list[Region]:
    """What is heard of each stretch, with `context` seconds on each side, in windows of at most `window` seconds."""
    groups: list[tuple[list[Span], tuple[str, ...]]] = []
    for stretch, speakers in stretches:
        near = groups and groups[-1][1] == speakers and stretch.start - groups[-1][0][-1].end <= 2 * context * rate
        if near:
            groups[-1][0].append(stretch)
        elif len(stretch):
            groups.append(([stretch], speakers))
    regions = []
    others: dict[tuple[str, ...], tuple[Span, ...]] = {}
    for spans, speakers in groups:
        if speakers not in others:
            others[speakers] = activity.others(speakers)
        extent = _extent(Span(spans[0].start, spans[-1].end), speakers, activity, others[speakers], rate, window, context)
        pair = activity.pair(speakers, spans)
        regions.append(Region(tuple(spans), speakers, pair, _windows(extent, activity.whole, rate, window)))
    return regions


def _extent(
    core: Span, speakers: Sequence[str], activity: Activity, others: Sequence[Span], rate: int, window: float, context: float
) -> Span:
    """The stretch with its context: more of it where nobody would be heard alone, none that a third speaks in."""
    before = bisect_right(others, core.start, key=lambda span: span.end) - 1
    after = bisect_left(others, core.end, key=lambda span: span.start)
    first = others[before].end if before >= 0 else 0
    last = others[after].start if after < len(others) else activity.whole.end

    def reached(times: int) -> Span:
        more = round(times * context * rate)
        return Span(min(core.start, max(first, core.start - more)), max(core.end, min(last, core.end + more)))

    for extent in map(reached, REACHES):
        if len(extent) > window * rate:
            break
        if any(sum(map(len, within(extent, activity.alone[one]))) >= ALONE * rate for one in speakers):
            return extent
    return reached(1)


def _windows(extent: Span, whole: Span, rate: int, longest: float) -> tuple[Window, ...]:
    """One window, or several of one length at even steps."""
    most, grid = round(longest * rate), round(GRID * rate)
    if len(extent) <= most:
        size = min(most, -(-len(extent) // grid) * grid, len(whole))
        start = min(max(0, extent.start - (size - len(extent)) // 2), whole.end - size)
        span = Span(start, start + size)
        return (Window(span, span),)
    common = min(round(COMMON * rate), most // 4)
    count = -(-(len(extent) - common) // (most - common))
    fair = -(-(len(extent) + (count - 1) * common) // count)
    size = min(most, -(-fair // grid) * grid)
    starts = [extent.start + (len(extent) - size) * index // (count - 1) for index in range(count)]
    return in_a_row(starts, size, extent, rate)


def in_a_row(starts: Sequence[int], size: int, extent: Span, rate: int) -> tuple[Window, ...]:
    """Windows of `size` samples: of each that part of the extent is used whose middle is nearest, and it passes into the next."""
    join = round(JOIN * rate) // 2
    middles = [(here + size + following) // 2 for here, following in pairwise(starts)]
    edges = [(middle - join, middle + join) for middle in middles]
    begins, ends = [extent.start, *(begin for begin, _ in edges)], [*(end for _, end in edges), extent.end]
    return tuple(
        Window(Span(start, start + size), Span(begin, end)) for start, begin, end in zip(starts, begins, ends, strict=True)
    )
