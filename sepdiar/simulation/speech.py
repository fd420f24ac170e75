"""What is audible in an utterance: trimmed, split into turns at pauses, cut at low energy, with the words of each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sepdiar.audio.source import Samples
from sepdiar.conversation import Span, Word, intersected, merged
from sepdiar.errors import SepdiarError
from sepdiar.simulation.manifest import Utterance

PAUSE = 0.3  # seconds; a speaker's turn ends where he pauses for longer, as in NIST's rich transcription and in DIHARD
DIP = 0.1  # seconds of low energy at which an utterance may be cut
MARGIN = 0.03  # seconds kept around what is audible: weak onsets and releases
FADE = 0.005
SHORTEST = 0.1  # seconds; what is audible for less is a click
CLEAR = 20.0  # dB below the mean power of speech; a turn of which nothing is louder is breath or noise
DEPTH = 38.0  # dB below the loud parts of an utterance, where speech ends
ABOVE_FLOOR = 8.0  # dB above the quiet parts, where it begins


@dataclass(frozen=True)
class Speech:
    """Somebody speaking, at a power of 1 within `spans` and silent outside them; the first begins at 0, the last ends it.

    `spans` are the turns: no pause within one is longer than `PAUSE`. `dips` are the places at which it can be cut.
    `timed` says that the words' times are known, not spread by letters; `untold` that something is said whose words are not.
    """

    samples: Samples
    spans: tuple[Span, ...]
    words: tuple[Word, ...] = ()
    dips: tuple[Span, ...] = ()
    timed: bool = False
    untold: bool = False

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def can_be_cut(self) -> bool:
        """Whether a part of it has words that are known: there are none, or each has its time."""
        return self.timed or not self.words

    def parts(self) -> tuple[Span, ...]:
        """What lies between the dips."""
        edges = [0, *(edge for dip in self.dips for edge in (dip.start, dip.end)), len(self)]
        return tuple(Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end)

    def cut(self, part: Span, rate: int) -> Speech:
        """A part of it, faded at both ends. Words whose times are only spread are dropped: which are in it, nobody knows.

        What is left of a turn at an edge, too short or too soft to be heard as one, goes, unless it is all there is.
        """
        spans = [inside for span in self.spans if (inside := span & part)]
        if not spans:
            raise ValueError(f"nothing is audible in {part}")
        known = self.words if self.timed else ()
        spans = [span for span in spans if is_turn(self.samples, span, rate, known)] or spans
        part = Span(spans[0].start, spans[-1].end)
        words = [word for word in self.words if self.timed and part.start <= (word.span.start + word.span.end) // 2 < part.end]
        return Speech(
            _faded(self.samples[part.start : part.end].copy(), [_moved(span, part) for span in spans], rate),
            tuple(_moved(span, part) for span in spans),
            tuple(replace(word, span=_moved(inside, part)) for word in words if (inside := word.span & part)),
            tuple(_moved(dip, part) for dip in self.dips if part.start < dip.start and dip.end < part.end),
            self.timed,
            self.untold or not self.can_be_cut,
        )


def listen_to(utterance: Utterance, rate: int) -> Speech | None:
    """The audible speech of an utterance at `rate`; None where nothing is audible."""
    return audible_in(load(utterance.file, rate), utterance, rate)


def audible_in(samples: Samples, utterance: Utterance, rate: int) -> Speech | None:
    """The same, of an utterance that was read already.

    Frames louder than `DEPTH` dB under the loud ones, and `ABOVE_FLOOR` dB over the quiet ones, are audible; so are words whose
    times are known. Where nothing but breath is audible between two pauses, that is no turn.
    """
    known = tuple(
        Word(text, span)
        for text, begin, end in utterance.words or ()
        if (span := Span(round(begin * rate), round(end * rate)) & Span(0, len(samples)))
    )
    loud = _audible(samples, rate) + tuple(word.span for word in known)
    spans = merged(loud, round(PAUSE * rate))
    mean = _mean_power(samples, spans)
    spans = tuple(span for span in spans if is_turn(samples, span, rate, known, mean))
    if not spans:
        return None
    whole = Span(spans[0].start, spans[-1].end)
    spans = tuple(_moved(span, whole) for span in spans)
    parts = merged(intersected((_moved(inside, whole) for span in loud if (inside := span & whole)), spans), round(DIP * rate))
    dips = tuple(Span(left.end, right.start) for left, right in pairwise(parts))
    kept = _faded(samples[whole.start : whole.end].copy(), spans, rate)
    kept *= np.float32(_mean_power(kept, spans) ** -0.5)
    if utterance.words:
        words = tuple(replace(word, span=_moved(word.span, whole)) for word in known if word.span & whole)
    else:
        words = spread(utterance.text.split(), spans)
    return Speech(kept, spans, words, dips, bool(utterance.words), not words)


def spread(words: Sequence[str], spans: Sequence[Span]) -> tuple[Word, ...]:
    """Words laid over spans in proportion to their letters, none across a pause.

    >>> [(word.text, word.span.start, word.span.end) for word in spread(["oh", "well", "now"], [Span(0, 60), Span(100, 130)])]
    [('oh', 0, 20), ('well', 20, 60), ('now', 100, 130)]
    """
    if not words:
        return ()
    audible, letters = sum(map(len, spans)), sum(map(len, words))
    ends = np.cumsum([len(span) for span in spans])
    groups: list[list[str]] = [[] for _ in spans]
    spoken = 0
    for word in words:
        middle = (2 * spoken + len(word)) * audible // (2 * letters)
        groups[min(int(np.searchsorted(ends, middle, side="right")), len(spans) - 1)].append(word)
        spoken += len(word)
    laid = []
    for span, group in zip(spans, groups, strict=True):
        edges = np.cumsum([0, *map(len, group)])
        places = span.start + edges * len(span) // max(int(edges[-1]), 1)
        laid += [Word(word, Span(int(places[i]), int(places[i + 1]))) for i, word in enumerate(group)]
    return tuple(laid)


def load(path: Path, rate: int) -> Samples:
    """One file as mono float32 at `rate`; several channels are averaged."""
    return channels_of(path, rate).mean(axis=1, dtype=np.float32)  # type: ignore[no-any-return]


def channels_of(path: Path, rate: int, frames: int = -1, start: int = 0) -> Samples:
    """A file, or `frames` of its own from `start` on, as (frames, channels) at `rate`."""
    native = facts_of(path).samplerate
    try:
        samples, _ = soundfile.read(path, frames, start, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SepdiarError("SD112", str(error), where=str(path)) from error
    if not np.isfinite(samples).all():
        raise SepdiarError("SD114", where=str(path))
    return samples if native == rate else soxr.resample(samples, native, rate, quality="HQ")  # type: ignore[no-any-return]


def facts_of(path: Path) -> Any:
    """What soundfile says of a file: `samplerate`, `frames`, `duration`; only a regular file is opened."""
    if not path.exists():
        raise SepdiarError("SD101", where=str(path))
    if not path.is_file():
        raise SepdiarError("SD102", where=str(path))
    try:
        return soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise SepdiarError("SD105", str(error), where=str(path)) from error


def _audible(samples: Samples, rate: int) -> tuple[Span, ...]:
    hop = rate // 100
    frames = len(samples) // hop - 1
    if frames < 1:
        return ()
    power = np.add.reduceat(samples[: (frames + 1) * hop].astype(np.float64) ** 2, np.arange(0, (frames + 1) * hop, hop))
    level = 10 * np.log10((power[:-1] + power[1:]) / (2 * hop) + 1e-12)
    quiet, loud = np.percentile(level, (5, 95))
    if loud < -90:
        return ()
    active = level > max(loud - DEPTH, quiet + min(ABOVE_FLOOR, 0.3 * (loud - quiet)))
    margin = round(MARGIN * rate) - hop // 2
    middles = (np.flatnonzero(active) + 1) * hop  # a frame is two hops long
    return merged(
        Span(max(0, middle - hop // 2 - margin), min(len(samples), middle + hop // 2 + margin)) for middle in middles.tolist()
    )


def is_turn(samples: Samples, span: Span, rate: int, known: Sequence[Word], mean: float = 1.0) -> bool:
    """Whether a known word is said in it, or it is long enough and comes for 20 ms within `CLEAR` dB of the mean power."""
    if any(span & word.span for word in known):
        return True
    if len(span) < SHORTEST * rate:
        return False
    frame = max(1, rate // 50)
    energy = np.concatenate([[0.0], np.cumsum(samples[span.start : span.end].astype(np.float64) ** 2)])
    return float((energy[frame:] - energy[:-frame]).max()) >= frame * mean * 10 ** (-CLEAR / 10)


def _mean_power(samples: Samples, spans: Sequence[Span]) -> float:
    energy = sum(float(np.sum(samples[span.start : span.end].astype(np.float64) ** 2)) for span in spans)
    return energy / max(1, sum(map(len, spans)))


def _faded(samples: Samples, spans: Sequence[Span], rate: int) -> Samples:
    """The samples, in place, silent outside the spans and with short ramps at their ends."""
    gain: NDArray[np.float32] = np.zeros(len(samples), np.float32)
    ramp = np.linspace(0, 1, round(FADE * rate) + 2, dtype=np.float32)[1:-1]
    for span in spans:
        gain[span.start : span.end] = 1
        edge = min(len(ramp), len(span) // 2)
        gain[span.start : span.start + edge] = ramp[:edge]
        gain[span.end - edge : span.end] = ramp[:edge][::-1]
    samples *= gain
    return samples


def _moved(span: Span, whole: Span) -> Span:
    return Span(span.start - whole.start, span.end - whole.start)
