"""When anybody speaks: a score every few milliseconds, hysteresis, and edges moved to where the sound begins and ends.

Both detectors read one channel at 16 kHz block by block. What they keep grows by 3 MB an hour of recording.
"""

from __future__ import annotations

import hashlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.runs import runs
from sepdiar.audio.source import Audio, Samples, blocks
from sepdiar.conversation import Span, intersected, merged
from sepdiar.diarization.edges import STEP, floor, refined, without_pauses
from sepdiar.errors import SepdiarError

RATE = 16000
FRAME, CONTEXT = 512, 64  # samples that silero scores at once, and those before them that it also sees
BLOCK = 500 * FRAME  # a whole number of frames and of steps

RANGE = 60.0  # decibels between the loudest and what may count as sound at all
EMPHASIS = 0.7  # 0.95 would drown vowels in hiss, 0 leave them to hum
SILENCE = -75.0  # decibels of full scale: nothing as soft as that is speech

Values = NDArray[np.float32]
_NOTHING = np.zeros(0, np.float32)


class Activity(ABC):
    """What the detectors share.

    Sound belongs to a stretch of speech as long as its pauses are shorter than `pause` seconds; a stretch with less than
    `speech` seconds from its begin to its end is dropped.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    model: str = ""
    model_sha256: str = ""

    def __init__(self, on: float, off: float, speech: float, pause: float) -> None:
        self.on, self.off = on, off
        self.speech, self.pause = round(speech * RATE), round(pause * RATE)

    def spans(self, audio: Audio) -> tuple[Span, ...]:
        """Where anybody speaks in `audio` (one channel, 16 kHz), in order, shorter pauses included."""
        return merged(self.sounds(audio), gap=self.pause)

    def sounds(self, audio: Audio) -> tuple[Span, ...]:
        """The same without pauses of 100 ms and more: the places where another may begin are ends of spans here."""
        active, loud = self._active(audio)
        if not active:
            return ()
        parts = without_pauses(refined(active, loud), loud, floor(loud))
        exact = [Span(part.start, min(part.end, audio.samples)) for part in parts if part.start < audio.samples]
        return intersected(exact, (span for span in merged(exact, gap=self.pause) if len(span) >= self.speech))

    @abstractmethod
    def _active(self, audio: Audio) -> tuple[tuple[Span, ...], Values]:
        """Where speech is, edges rough, and the loudness of each step."""


class Silero(Activity):
    """Speech as the network silero-vad hears it; 400 times real time on one core."""

    needs = ("onnxruntime", "silero_vad")
    model = "silero-vad"

    def __init__(self, on: float = 0.5, off: float = 0.35, speech: float = 0.1, pause: float = 0.3) -> None:
        super().__init__(on, off, speech, pause)
        path = silero_file()
        self.model_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self._session = _session(path)

    def scores(self, audio: Audio) -> Iterator[tuple[Values, Values]]:
        """Block by block the probability of speech in each 32 ms, and the loudness of each 5 ms."""
        memory = {"h": np.zeros((1, 1, 128), np.float32), "c": np.zeros((1, 1, 128), np.float32)}
        for heard, block in _heard(audio):
            frames = np.zeros(-(-len(block) // FRAME) * FRAME, np.float32)
            frames[: len(block)] = block
            seen = np.lib.stride_tricks.sliding_window_view(np.concatenate([heard, frames]), CONTEXT + FRAME)[::FRAME]
            score, memory["h"], memory["c"] = self._session.run(None, {"input": np.ascontiguousarray(seen), **memory})
            yield score, loudness(heard, block)

    def _active(self, audio: Audio) -> tuple[tuple[Span, ...], Values]:
        made = list(self.scores(audio))
        score, loud = (np.concatenate([_NOTHING, *parts]) for parts in zip(*made, strict=True)) if made else (_NOTHING, _NOTHING)
        return hysteresis(score, self.on, self.off, FRAME), loud


class Energy(Activity):
    """Whatever is `on` decibels above a noise floor that adapts: needs no package, and cannot tell speech from other sound."""

    def __init__(self, on: float = 6.0, off: float = 3.0, speech: float = 0.1, pause: float = 0.3) -> None:
        super().__init__(on, off, speech, pause)

    def _active(self, audio: Audio) -> tuple[tuple[Span, ...], Values]:
        from scipy.ndimage import uniform_filter1d

        loud = loudness_of(audio)
        if not loud.size or loud.max() < SILENCE:
            return (), loud
        quietest = np.maximum(floor(loud), np.percentile(loud, 99) - RANGE)
        return hysteresis(uniform_filter1d(loud, 6, mode="nearest") - quietest, self.on, self.off, STEP), loud


def silero_file() -> Path:
    """The file of silero-vad's weights that scores many frames in one call; the package itself, and torch, stay unloaded."""
    found = importlib.util.find_spec("silero_vad")
    if found is None or importlib.util.find_spec("onnxruntime") is None:
        raise SepdiarError("SD250", "silero needs onnxruntime and silero-vad", hint="pip install onnxruntime silero-vad")
    for place in found.submodule_search_locations or []:
        if (path := Path(place) / "data" / "silero_vad_16k_sequence.onnx").is_file():
            return path
    raise SepdiarError("SD251", "silero-vad is too old: no silero_vad_16k_sequence.onnx", hint="pip install -U silero-vad")


def loudness(heard: Samples, block: Samples) -> Values:
    """Decibels of each 5 ms of a block after a pre-emphasis; `heard` are the samples before it."""
    signal = block - EMPHASIS * np.concatenate([heard[-1:], block[:-1]])
    padded = np.zeros(-(-len(signal) // STEP) * STEP, np.float32)
    padded[: len(signal)] = signal
    return 10 * np.log10(np.square(padded).reshape(-1, STEP).mean(1) + 1e-10).astype(np.float32)  # type: ignore[no-any-return]


def loudness_of(audio: Audio) -> Values:
    """Decibels of each 5 ms of a recording (one channel, 16 kHz)."""
    return np.concatenate([_NOTHING, *(loudness(heard, block) for heard, block in _heard(audio))])


def hysteresis(score: Values, on: float, off: float, width: int) -> tuple[Span, ...]:
    """From where the score reaches `on` until it falls below `off`; each score stands for `width` samples.

    >>> hysteresis(np.array([0, 0.4, 0.6, 0.4, 0.1]), on=0.5, off=0.3, width=10)
    (Span(start=20, end=40),)
    """
    spans = []
    for start, end in runs(score >= off).tolist():
        if (reached := np.flatnonzero(score[start:end] >= on)).size:
            spans.append(Span((start + int(reached[0])) * width, end * width))
    return tuple(spans)


def _heard(audio: Audio) -> Iterator[tuple[Samples, Samples]]:
    before = np.zeros(CONTEXT, np.float32)
    for _, frames in blocks(audio, size=BLOCK):
        block = frames[:, 0]
        yield before, block
        before = np.concatenate([before, block])[-CONTEXT:]


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
