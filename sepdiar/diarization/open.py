"""Speakers told apart by published networks, for real talk: telephone lines, far microphones, any number of people.

When somebody speaks, and when two do, is what three detectors say together: segmentation-3.0, our own segmenter and silero. Who
it is, is decided by the voices of short stretches that one person speaks alone, not by windows: of alike voices segmenters take
two people for one, window after window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn, merged, outside
from sepdiar.diarization import compact
from sepdiar.diarization.activity import Silero, Values, loudness_of
from sepdiar.diarization.compact import sureness
from sepdiar.diarization.counting import who_speaks
from sepdiar.diarization.limits import within_limits
from sepdiar.diarization.shares import anybody, shared
from sepdiar.diarization.stretches import RATE, stretches_of
from sepdiar.diarization.turns import sounds, turns_of
from sepdiar.diarization.windows import Activity, Plan, Windows, listen

if TYPE_CHECKING:
    from torch import Tensor

MODELS = ("pyannote-segmentation-3.0", "campplus", "compact-segmentation", "silero-vad")
LENGTH, STEP = 10.0, 2.5  # seconds of a window, and from one to the next
SECOND_STEP = 8.0  # seconds from one window of the second segmenter to the next
SHORT = 1.0  # seconds of a window at least
SECOND = 1 / 3  # weight of the second segmenter in whether anybody speaks
ON, CERTAIN = 0.5, 0.3  # from which on somebody speaks, and where silero hears speech too
TWO = 0.55  # from which on two do
ROOM = 0.04  # seconds around what silero hears: what sounds there is its edge


class Open:
    """Published networks with our own counting: who speaks, overlap included; any number of speakers, any line, 5 s to 10 h.

    The number of speakers is found as `counting` says, at most `most`. Turns of one speaker less than `pause` seconds apart are
    one. `step` is how many seconds lie between the beginnings of two windows: with fewer it takes longer. Where only music or
    noise sounds, nobody speaks. `segmentation` and `voice` are folders with other copies of the weights.
    """

    rate = RATE
    needs = ("torch", "safetensors", *Silero.needs)
    uses = MODELS
    hears_overlap = True
    model = ", ".join(MODELS)

    def __init__(
        self, pause: float = 0.3, most: int = 8, step: float = STEP, segmentation: str = "", voice: str = "", device: str = "cpu"
    ) -> None:
        from sepdiar.networks import pyannet, weights
        from sepdiar.networks.campplus import Voices

        within_limits("open", most=(most, 1, 100), step=(step, 0.5, LENGTH / 2))
        self._pause, self._most, self._step, self._device = pause, most, step, device
        self._segmenter, first = pyannet.load(path=segmentation, device=device)
        self._voices = Voices(path=voice, device=device)
        found = weights.find(MODELS[2])
        self._second, self._silero = weights.load(found, device), Silero()
        self.model_sha256 = " ".join([first, self._voices.model_sha256, found.sha256, self._silero.model_sha256])
        self.facts: Mapping[str, float] = {}

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, 16 kHz); turns may overlap; empty where nobody speaks."""
        from sepdiar.networks import pyannet, segmenter
        from sepdiar.networks.threads import one_thread

        self.facts = {}
        certain = self._silero.sounds(audio) if audio.samples else ()
        if not certain:
            return []
        with one_thread():
            windows = self._windows(audio, self._segmenter.framed, pyannet.HOP, LENGTH, self._step)
            stretches = stretches_of(audio, windows, self._voices)
            if not len(stretches):
                return []
            others = self._windows(audio, self._second, segmenter.HOP, compact.LENGTH, SECOND_STEP)
            one, two = _together(windows, others)
        names, people = who_speaks(windows, stretches, speakers or 0, self._most)
        hop = windows.plan.hop
        speaking = (one > ON) | (_frames(certain, hop, len(one)) & (one > CERTAIN))
        who = shared(windows, stretches, names, len(people), speaking, two > TWO)
        self.facts = sureness(np.stack([one, two], 1), people)
        return turns_of(who, hop, audio.samples, _heard(certain, sounds(loudness_of(audio))), self._pause)

    def _windows(self, audio: Audio, network: Callable[[Tensor], Tensor], hop: int, length: float, step: float) -> Windows:
        """What one of the segmenters hears."""
        import torch

        from sepdiar.networks.segmenter import activity

        def heard(_: Sequence[Span], samples: Samples) -> Activity:
            with torch.inference_mode():
                made: Activity = activity(network(torch.from_numpy(samples).to(self._device))).cpu().numpy()
            return made

        seconds = max(SHORT, min(length, audio.samples / RATE))
        return listen(audio, Plan(hop, ceil(seconds * RATE / hop), round(step * RATE / hop)), heard)


def _together(first: Windows, second: Windows) -> tuple[Values, Values]:
    """How likely anybody speaks, and two do, in each frame of `first`, as both say."""
    (one, two), others = anybody(first), anybody(second)
    centres = (np.arange(len(one)) + 0.5) * first.plan.hop / second.plan.hop
    other_one, other_two = (row[np.minimum(centres.astype(int), len(row) - 1)] for row in others)
    return (1 - SECOND) * one + SECOND * other_one, (two + other_two) / 2


def _frames(spans: Sequence[Span], hop: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """In which frames there is anything of the spans."""
    there = np.zeros(count, bool)
    for span in spans:
        there[span.start // hop : -(-span.end // hop)] = True
    return there


def _heard(certain: Sequence[Span], sound: Sequence[Span]) -> tuple[Span, ...]:
    """Where there is sound that may be speech: as silero has it, whose edges are the better ones; and what it does not hear."""
    room = round(ROOM * RATE)
    taken = merged((Span(max(0, span.start - room), span.end + room) for span in certain), gap=round(0.3 * RATE))
    return merged([*certain, *(part for one in sound for part in outside(one, taken))])
