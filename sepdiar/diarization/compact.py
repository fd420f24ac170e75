"""Speakers told apart by our own networks: who is heard in short windows, whose voice that is, and what the windows agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.runs import runs
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.diarization import by_voice
from sepdiar.diarization.activity import loudness_of
from sepdiar.diarization.again import Embedder, listened_again
from sepdiar.diarization.limits import within_limits
from sepdiar.diarization.linking import Names, Vectors, Voices, linked, named
from sepdiar.diarization.turns import sounds, turns_of
from sepdiar.diarization.windows import Activity, Plan, Segmenter, Windows, listen, padded, together

RATE = 16000
LENGTH, STEP = 16.0, 4.0  # seconds of a window, and from one to the next
SHORT = 1.0  # seconds of a window at least: one is as long as the recording where that is shorter
LATE = 0.014  # seconds, by which our segmenter is late to hear somebody begin while another speaks
EVERY = 2  # windows, of which one is listened to for voices
LEAST, MOST = 0.4, 6.0  # seconds of a voice: with less it is not heard, and more is not listened to
SHORTEST, EDGE = 0.2, 0.02  # seconds of a part that is listened to, and what is left out at each end of it
TRACE = 0.1  # of a probability: what is below is nobody
MARGIN = 0.1  # by which a stretch's cosine with another's voice must be greater to be that other's
MIXED = 0.2  # of the stretches: if more than that are another's, the people themselves are found among them
GUARD = 480  # samples between two parts of a voice, which are not listened to


class Compact:
    """Our own networks: who speaks in windows of up to 16 s, overlap included, and whose voice it is; any number of speakers.

    The number of speakers is found as `linking` says, at most `most`. Turns of one speaker less than `pause` seconds apart are
    one. `step` is how many seconds lie between the beginnings of two windows: with fewer it takes longer.
    """

    rate = RATE
    needs = ("torch", "safetensors")
    hears_overlap = True
    model = "compact-segmentation, compact-embedding"

    def __init__(self, pause: float = 0.3, most: int = 8, step: float = STEP) -> None:
        from sepdiar.networks import weights
        from sepdiar.networks.ear import Ear

        within_limits("compact", most=(most, 1, 100), step=(step, 0.5, LENGTH / 2))
        self._pause, self._most, self._step = pause, most, step
        segmentation, embedding = self.model.split(", ")
        found = weights.find(segmentation)
        self._segmenter, self._ear = weights.load(found), Ear(embedding)
        self.model_sha256 = f"{found.sha256} {self._ear.model_sha256}"
        self._hop: int = self._segmenter.hop  # type: ignore[assignment]
        self.facts: Mapping[str, float] = {}

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, 16 kHz); turns may overlap; empty where nobody speaks."""
        from sepdiar.networks.threads import one_thread

        hop = self._hop
        length = max(SHORT, min(LENGTH, audio.samples / RATE))
        plan = Plan(hop, ceil(length * RATE / hop), round(self._step * RATE / hop))
        self.facts = {}
        if not audio.samples:
            return []
        with one_thread():
            told = told_apart(
                audio, plan, self._hears, self._ear, known=speakers or 0, most=self._most, pause=self._pause, late=LATE
            )
        self.facts = told.facts
        return told.turns

    def _hears(self, _: Sequence[Span], samples: Samples) -> Activity:
        import torch

        from sepdiar.networks.segmenter import activity

        with torch.inference_mode():
            heard: Activity = activity(self._segmenter(torch.from_numpy(samples))).numpy()
        return heard


@dataclass(frozen=True)
class Told:
    """Who speaks when, and who each local speaker of each window is, -1 for nobody; speaker n is called n + 1 in the turns.

    Where the segmenter takes two people for one, a local speaker may be several in the turns.
    """

    turns: list[Turn]
    speakers: Names
    facts: Mapping[str, float]
    """How sure that is: see `sureness`."""


def diarized(
    audio: Audio, plan: Plan, segmenter: Segmenter, embedder: Embedder, *, known: int = 0, most: int = 8, pause: float = 0.3
) -> list[Turn]:
    """Who speaks when, by any segmenter of windows and any embedder of voices; with `known` 0 the number of speakers is found."""
    if not audio.samples:
        return []
    return told_apart(audio, plan, segmenter, embedder, known=known, most=most, pause=pause).turns


def told_apart(
    audio: Audio,
    plan: Plan,
    segmenter: Segmenter,
    embedder: Embedder,
    *,
    known: int,
    most: int,
    pause: float,
    late: float = 0.0,
    whole: bool = False,
) -> Told:
    """The same, and who is who in each window; `audio` is not empty. The segmenter is `late` as `turns_of` says. With `whole` a
    local speaker of a window is one person, even where voices say that the segmenter takes two for one."""
    windows = listen(audio, plan, segmenter)
    voices = voices_of(audio, windows, embedder)
    names, speakers = linked(windows, voices, known, most)
    owners: NDArray[np.signedinteger[Any]] = names
    if len(speakers) > 1 and not whole:
        stretches = by_voice.stretches_of(audio, windows, embedder)
        owners, moved = by_voice.owners(windows, names, stretches, speakers, MARGIN)
        found = by_voice.speakers_of(stretches, speakers, known, most) if moved > MIXED else speakers
        if len(found) > 1 and likeness(found) < likeness(speakers):
            speakers, names = found, named(windows, voices, found)
            owners, _ = by_voice.owners(windows, names, stretches, speakers)
    heard = sounds(loudness_of(audio))
    probability = together(windows, owners, len(speakers))
    if whole:
        probability = listened_again(audio, probability, plan.hop, speakers, heard, embedder)
    turns = turns_of(probability, plan.hop, audio.samples, heard, pause, late)
    return Told(turns, names, sureness(probability, speakers))


def sureness(probability: Activity, speakers: Vectors) -> dict[str, float]:
    """How near to yes or no each speaker's frames are, and how alike the voices.

    `sure` is from 0 to 1, of the frames that are more than a trace; it is low where windows disagree.
    `likeness` is of the voices.
    """
    heard = probability[probability > TRACE]
    sure = float(np.abs(2 * heard.astype(np.float64) - 1).mean()) if heard.size else 0.0
    return {"sure": round(sure, 4), "likeness": round(likeness(speakers), 4)}


def likeness(speakers: Vectors) -> float:
    """The cosine of the two that are most alike, -1 where there is but one."""
    if len(speakers) < 2:
        return -1.0
    return float((speakers @ speakers.T - 2 * np.eye(len(speakers), dtype=np.float32)).max())


def voices_of(audio: Audio, windows: Windows, embedder: Embedder) -> Voices:
    """The voice of every local speaker of every second window, from where nobody else is heard."""
    slots = windows.heard.shape[2]
    found: dict[tuple[int, int], tuple[Vectors, float]] = {}
    for window in range(0, len(windows), EVERY):
        alone, place = windows.alone(window), windows.span(window)
        parts = [_parts(alone[:, slot], windows.plan.hop) for slot in range(slots)]
        if any(parts):
            samples = padded(audio, place)
            for slot, own in enumerate(parts):
                seconds = sum(map(len, own)) / RATE
                if seconds >= LEAST:
                    found[window, slot] = embedder(*_cut_out(samples, own)), seconds
    dimensions = len(next(iter(found.values()))[0]) if found else 1
    vectors = np.zeros((len(windows), slots, dimensions), np.float32)
    lengths = np.zeros((len(windows), slots), np.float32)
    for place_in_both, (vector, seconds) in found.items():
        vectors[place_in_both], lengths[place_in_both] = vector, seconds
    return Voices(vectors, lengths)


def _parts(alone: Any, hop: int) -> list[Span]:
    """The longest stretches in which one is heard alone, up to `MOST` seconds in all, in order."""
    edge = round(EDGE * RATE)
    spans = [Span(*run) for run in (hop * runs(alone)).tolist()]
    spans = [Span(span.start + edge, span.end - edge) for span in spans if len(span) >= SHORTEST * RATE]
    kept, left = [], round(MOST * RATE)
    for span in sorted(spans, key=lambda one: (-len(one), one.start)):
        if left > 0:
            kept.append(Span(span.start, min(span.end, span.start + left)))
            left -= len(kept[-1])
    return sorted(kept)


def _cut_out(samples: Samples, parts: Sequence[Span]) -> tuple[Samples, Samples]:
    """The parts one after the other with silence between them, and where they are."""
    silence = np.zeros(GUARD, np.float32)
    pieces = [piece for part in parts for piece in (samples[part.start : part.end], silence)]
    keep = [piece for part in parts for piece in (np.ones(len(part), np.float32), silence)]
    return np.concatenate(pieces), np.concatenate(keep)
