"""pyannote's diarization: who is heard in windows of 10 s, whose voices those are, and which of them are one speaker's.

The networks and the clustering are the package's; the windows are read, heard and put together here. So nothing holds the
recording, and each window goes through the network for voices once, not once for every speaker in it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.ahead import batches
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.diarization.limits import within_limits
from sepdiar.diarization.linking import Names
from sepdiar.diarization.votes import NOBODY, Frames, Heard
from sepdiar.diarization.windows import padded
from sepdiar.errors import SepdiarError

RATE = 16_000
LENGTH, STEP = 10.0, 1.0  # seconds of a window, and from one to the next
BATCH = 8  # windows that are heard together


class Pyannote:
    """pyannote's pipelines, community-1 and 3.1: who speaks in windows of 10 s, overlap included, by whose voice; 16 kHz.

    The pipeline was pulled as `model`, or `path` is a folder with its config.yaml. `speakers` counts if it is given; otherwise
    there are at least `least` and at most `most`. Turns of one speaker less than `pause` seconds apart are one; without it, what
    the pipeline's own settings say. The turns are those of the package's pipeline up to 8000 voices in windows, an hour or two;
    of longer recordings so many, evenly spread, are clustered, and each voice goes to the nearest of what came out. In memory are
    17 MB for each hour, never its samples, 20 MB an hour more while windows vote, and 0.3 GB while voices are clustered.
    """

    rate = RATE
    needs = ("pyannote.audio", "torchaudio", "yaml", "huggingface_hub")
    extra = "pyannote"
    hears_overlap = True

    def __init__(
        self,
        model: str = "pyannote-community-1",
        path: str = "",
        least: int = 1,
        most: int = 100,
        pause: float | None = None,
        step: float = STEP,
        device: str = "cpu",
    ) -> None:
        from sepdiar.models.published import in_folder, pulled
        from sepdiar.networks import pyannote_pipeline

        if not 1 <= least <= most <= 100:
            raise SepdiarError("SD202", f"{least} to {most} is not within 1 to 100", where="diarize.pyannote.least")
        within_limits("pyannote", step=(step, 0.5, LENGTH / 2))
        files = (pyannote_pipeline.SETTINGS,)
        self._pipeline = pyannote_pipeline.load(in_folder(path, files) if path else pulled(model, files), device)
        self.model, self.model_sha256 = self._pipeline.name, self._pipeline.sha256
        self._bounds, self._step, self._device = (least, most), round(step * RATE), device
        self._pause = self._pipeline.pause if pause is None else pause

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, 16 kHz); turns may overlap; empty where nobody speaks."""
        from sepdiar.networks.threads import one_thread

        if not audio.samples:
            return []
        least, most = (speakers, speakers) if speakers else self._bounds
        with one_thread(), _exact():
            places = _places(audio.samples, self._step)
            heard = self._heard(audio, places)
            frames = Frames.of(self._pipeline.hearing.receptive_field, [place.start / RATE for place in places], LENGTH)
            count = np.minimum(frames.counted(heard), most)
            if not count.any():
                return []
            names = self._named(self._voices(audio, places, heard), heard, least, most)
        return self._turns(frames, frames.speaking(heard, names, count), Span(0, audio.samples))

    def _heard(self, audio: Audio, places: Sequence[Span]) -> Heard:
        """Who is heard in each window, as the sets that the network decides for."""
        import torch
        from pyannote.audio.utils.powerset import Powerset

        network: Any = self._pipeline.hearing
        task = network.specifications
        sets = Powerset(len(task.classes), task.powerset_max_classes).mapping.numpy().astype(np.uint8)
        made = []
        with torch.inference_mode():
            for _, samples in batches(partial(padded, audio), places, BATCH):
                scores = network(torch.from_numpy(np.stack(samples))[:, None].to(self._device))
                made.append(sets[scores.argmax(-1).cpu().numpy()])
        return np.concatenate(made)

    def _voices(self, audio: Audio, places: Sequence[Span], heard: Heard) -> Samples:
        """A vector of every local speaker of every window in which anybody is heard; ones elsewhere, which nobody looks at.

        On the CPU one window after the other: it takes no longer there.
        """
        import torch

        network: Any = self._pipeline.voice
        size = 1 if self._device == "cpu" else 4 * BATCH
        anybody: list[int] = np.flatnonzero(heard.any((1, 2))).tolist()
        shortest = self._shortest(heard.shape[1])
        vectors = np.ones((len(heard), heard.shape[2], network.dimension), np.float32)
        with torch.inference_mode():
            for some, samples in batches(lambda window: padded(audio, places[window]), anybody, size):
                parts = torch.from_numpy(_parts(heard[some], shortest)).to(self._device)
                mixed = torch.from_numpy(np.stack(samples))[:, None].to(self._device)
                vectors[some] = network(mixed, weights=parts).cpu().numpy()
        return vectors

    def _shortest(self, frames: int) -> int | None:
        """With so many frames or fewer no voice is heard; None where overlap does not count."""
        from pyannote.audio.pipelines.speaker_verification import PyannoteAudioPretrainedSpeakerEmbedding
        from torch import device

        if not self._pipeline.alone:
            return None
        network = PyannoteAudioPretrainedSpeakerEmbedding(self._pipeline.voice, device(self._device))
        return int(np.ceil(frames * network.min_num_samples / (LENGTH * RATE)))

    def _named(self, voices: Samples, heard: Heard, least: int, most: int) -> Names:
        """Who each local speaker of each window is, `NOBODY` where none is heard."""
        from pyannote.core import SlidingWindow, SlidingWindowFeature

        windows = SlidingWindowFeature(heard, SlidingWindow(start=0.0, duration=LENGTH, step=self._step / RATE))
        clustering = self._pipeline.clustering
        known = max(len(clustering.filter_embeddings(voices, segmentations=windows)[0]), 1)
        least, most = min(least, known), min(most, known)
        bounds = {"min_clusters": least, "max_clusters": most, "num_clusters": least if least == most else None}
        names, _, _ = clustering(embeddings=voices, segmentations=windows, **bounds)
        return np.where(heard.any(1), names, NOBODY)

    def _turns(self, frames: Frames, speaking: NDArray[np.float32], whole: Span) -> list[Turn]:
        from pyannote.audio.pipelines.utils import SpeakerDiarizationMixin
        from pyannote.core import SlidingWindow, SlidingWindowFeature

        window = SlidingWindow(start=0.0, duration=frames.duration, step=frames.step)
        told = SpeakerDiarizationMixin.to_annotation(SlidingWindowFeature(speaking, window), min_duration_off=self._pause)
        found = ((str(speaker + 1), part) for part, _, speaker in told.itertracks(yield_label=True))
        spans = ((speaker, Span(round(part.start * RATE), round(part.end * RATE)) & whole) for speaker, part in found)
        return [Turn(speaker, span) for speaker, span in spans if span]


def _places(samples: int, step: int) -> list[Span]:
    """Windows from the beginning on; silence fills the last one up."""
    length = round(LENGTH * RATE)
    count = 1 + -(-max(samples - length, 0) // step)
    return [Span(start, start + length) for start in range(0, count * step, step)]


def _parts(heard: Heard, shortest: int | None) -> NDArray[np.float32]:
    """Where each voice is taken from, (windows, local speakers, frames): where it is alone, if that is enough."""
    every = heard.transpose(0, 2, 1).astype(np.float32)
    if shortest is None:
        return every
    alone = every * (every.sum(1, keepdims=True) < 2)
    chosen: NDArray[np.float32] = np.where(alone.sum(2, keepdims=True) > shortest, alone, every)
    return chosen


@contextmanager
def _exact() -> Iterator[None]:
    """Full precision on a GPU too, as the package has it; and what the package prints and warns of stays here."""
    from torch.backends import cudnn

    with (
        cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        warnings.catch_warnings(),
        redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
