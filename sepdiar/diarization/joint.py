"""Turns and sources out of one pass: a network that hears windows, and says who speaks in each and what each one says.

Which local speaker of a window is which speaker of the recording is decided as for any diarizer. Its sources go the same way:
from each window what lies nearest to its middle is kept in a file, and passes into what the next one has of the same speaker.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.diarization.again import Embedder
from sepdiar.diarization.compact import RATE, told_apart
from sepdiar.diarization.windows import Activity, Plan
from sepdiar.separation.band import brought_to, full_band, levelled
from sepdiar.separation.join import joined
from sepdiar.separation.plan import Window, in_a_row

Network = Callable[[Samples], tuple[Activity, Samples]]
"""Windows (n, samples) into who is heard in each frame, (n, frames, local speakers), and sources (n, local speakers, samples)."""


@dataclass(frozen=True)
class Sourced:
    """A separator that has heard the recording already; `speakers` says who each local speaker of a window is, -1 for nobody."""

    file: Path
    windows: Sequence[Window]
    speakers: NDArray[np.intp]
    begins: Sequence[int]
    """Where in the file each window begins, in samples of one source."""
    origin: str = "separated"

    def separate(self, audio: Audio, stretch: Span, speakers: Sequence[str]) -> Mapping[str, Samples]:
        """What each of `speakers`, by their names in the turns, says in `stretch` of the recording, at any rate.

        They add up to it: what the network gave to nobody, or to somebody who is not asked for, is shared between them.
        """
        near = self._near(audio, stretch)
        spans = [self._span(number, audio) for number in near]
        rows = (self._rows(number, span, audio, speakers) for number, span in zip(near, spans, strict=True))
        made = np.zeros((len(speakers), len(stretch)), np.float32)
        for part, sources in joined(rows, [Window(span, span) for span in spans]):
            if here := part & stretch:
                place = slice(here.start - stretch.start, here.end - stretch.start)
                made[:, place] = sources[:, here.start - part.start : here.end - part.start]
        return dict(zip(speakers, made, strict=True))

    def _near(self, audio: Audio, stretch: Span) -> range:
        """The windows of which anything is used there."""
        first = bisect_right(self.windows, stretch.start, key=lambda window: window.part.at_rate(RATE, audio.rate).end)
        last = bisect_left(self.windows, stretch.end, key=lambda window: window.part.at_rate(RATE, audio.rate).start)
        return range(min(first, len(self.windows) - 1), max(last, first + 1))

    def _span(self, number: int, audio: Audio) -> Span:
        """What is used of a window, in samples of the recording; of the last one everything to its end."""
        span = self.windows[number].part.at_rate(RATE, audio.rate)
        return Span(span.start, audio.samples) if number == len(self.windows) - 1 else span

    def _rows(self, number: int, span: Span, audio: Audio, speakers: Sequence[str]) -> Samples:
        local, part = self.speakers.shape[1], self.windows[number].part
        kept = np.fromfile(self.file, np.float32, local * len(part), offset=4 * local * self.begins[number]).reshape(local, -1)
        sources = np.stack([kept[self.speakers[number] == int(speaker) - 1].sum(axis=0) for speaker in speakers])
        mixture = audio.read(span)[:, 0]
        heard = brought_to(mixture, audio.rate, RATE, len(part))
        return full_band(levelled(sources, heard), mixture, audio.rate, RATE)


def heard_at_once(
    audio: Audio,
    plan: Plan,
    network: Network,
    embedder: Embedder,
    file: Path,
    *,
    known: int = 0,
    most: int = 8,
    pause: float = 0.3,
) -> tuple[list[Turn], Sourced]:
    """The turns in `audio` (one channel, 16 kHz), and what separates their speakers; `file` is written, and read again later.

    The parameters are those of `compact.diarized`. Memory does not grow with the sources: they are in the file.
    """
    starts = [start * plan.hop for start in plan.starts(audio.samples)]
    windows = in_a_row(starts, plan.length * plan.hop, Span(0, audio.samples), RATE)
    with file.open("wb") as kept:
        waiting = iter(windows)

        def segmenter(places: Sequence[Span], samples: Samples) -> Activity:
            activity, sources = network(samples)
            for place, made in zip(places, sources, strict=True):
                part = next(waiting).part
                used = made[:, part.start - place.start : part.end - place.start]
                kept.write(np.ascontiguousarray(used, np.float32).data)
            return activity

        told = told_apart(audio, plan, segmenter, embedder, known=known, most=most, pause=pause, whole=True)
    return told.turns, Sourced(
        file, windows, told.speakers, list(accumulate((len(window.part) for window in windows), initial=0))
    )
