"""When anybody speaks: a score every few milliseconds, hysteresis, and edges moved to where the sound begins and ends.

Both detectors read one channel at 16 kHz block by block. What they keep grows by 3 MB an hour of recording.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio, Samples, blocks
from sepdiar.conversation import Span, merged
from sepdiar.diarization.edges import STEP, refined
from sepdiar.errors import SepdiarError

RATE = 16000
FRAME, CONTEXT = 512, 64  # samples that silero scores at once, and those before them that it also sees
BLOCK = 500 * FRAME  # a whole number of frames and of steps

Values = NDArray[np.float32]


class Activity:
    """What the detectors share: spans shorter than `speech` seconds are dropped, pauses shorter than `pause` bridged."""

    def __init__(self, speech: float = 0.1, pause: float = 0.3) -> None:
        self.speech, self.pause = round(speech * RATE), round(pause * RATE)

    def spans(self, audio: Audio) -> tuple[Span, ...]:
        """Where anybody speaks in `audio` (one channel, 16 kHz), in order, not touching each other."""
        raise NotImplementedError

    def _tidy(self, spans: tuple[Span, ...], loudness: Values, samples: int) -> tuple[Span, ...]:
        exact = (Span(span.start, min(span.end, samples)) for span in refined(spans, loudness) if span.start < samples)
        return tuple(span for span in merged(exact, gap=self.pause) if len(span) >= self.speech)


class Silero(Activity):
    """Speech as the network silero-vad hears it: right in noise and music, 430 times real time on one core."""

    needs = ("onnxruntime", "silero_vad")
    model = "silero-vad"

    def __init__(self, on: float = 0.5, off: float = 0.35, speech: float = 0.1, pause: float = 0.3) -> None:
        super().__init__(speech, pause)
        self.on, self.off = on, off
        path = silero_file()
        self.model_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self._session = _session(path)

    def spans(self, audio: Audio) -> tuple[Span, ...]:
        loud, scores = [], []
        memory = {"h": np.zeros((1, 1, 128), np.float32), "c": np.zeros((1, 1, 128), np.float32)}
        for heard, block in _heard(audio):
            loud.append(loudness(heard, block))
            frames = np.zeros(-(-len(block) // FRAME) * FRAME, np.float32)
            frames[: len(block)] = block
            seen = np.lib.stride_tricks.sliding_window_view(np.concatenate([heard, frames]), CONTEXT + FRAME)[::FRAME]
            score, memory["h"], memory["c"] = self._session.run(None, {"input": np.ascontiguousarray(seen), **memory})
            scores.append(score)
        if not scores:
            return ()
        active = hysteresis(np.concatenate(scores), self.on, self.off, FRAME)
        return self._tidy(active, np.concatenate(loud), audio.samples)


class Energy(Activity):
    """Whatever is `on` decibels above a noise floor that adapts: no package needed, and deaf to what the sound is."""

    needs: tuple[str, ...] = ()
    model = ""
    model_sha256 = ""

    def __init__(self, on: float = 10.0, off: float = 6.0, speech: float = 0.1, pause: float = 0.3) -> None:
        super().__init__(speech, pause)
        self.on, self.off = on, off

    def spans(self, audio: Audio) -> tuple[Span, ...]:
        loud = [loudness(heard, block) for heard, block in _heard(audio)]
        if not loud:
            return ()
        level = np.concatenate(loud)
        above = _smooth(level) - np.maximum(_floor(level), np.percentile(level, 99) - self.RANGE)
        return self._tidy(hysteresis(above, self.on, self.off, STEP), level, audio.samples)

    RANGE = 60.0  # decibels between the loudest and what may count as sound at all


def silero_file() -> Path:
    """The file of silero-vad's weights that scores many frames in one call; the package itself, and torch, stay unloaded."""
    for name in Silero.needs:
        if importlib.util.find_spec(name) is None:
            raise SepdiarError("SD250", f"the activity detector silero needs {name}", hint="pip install onnxruntime silero-vad")
    places = importlib.util.find_spec("silero_vad").submodule_search_locations or []  # type: ignore[union-attr]
    for place in places:
        if (path := Path(place) / "data" / "silero_vad_16k_sequence.onnx").is_file():
            return path
    raise SepdiarError("SD251", "silero-vad is too old: no silero_vad_16k_sequence.onnx", hint="pip install -U silero-vad")


def loudness(heard: Samples, block: Samples) -> Values:
    """Decibels of each 5 ms of a block, after a pre-emphasis that takes hum away; `heard` are the samples before it."""
    signal = block - 0.95 * np.concatenate([heard[-1:], block[:-1]])
    padded = np.zeros(-(-len(signal) // STEP) * STEP, np.float32)
    padded[: len(signal)] = signal
    return 10 * np.log10(np.square(padded).reshape(-1, STEP).mean(1) + 1e-10).astype(np.float32)  # type: ignore[no-any-return]


def hysteresis(score: Values, on: float, off: float, width: int) -> tuple[Span, ...]:
    """From where the score reaches `on` until it falls below `off`; each score stands for `width` samples.

    >>> hysteresis(np.array([0, 0.4, 0.6, 0.4, 0.1]), on=0.5, off=0.3, width=10)
    (Span(start=20, end=40),)
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], score >= off, [False]]).astype(np.int8))).reshape(-1, 2)
    spans = []
    for start, end in edges.tolist():
        if (reached := np.flatnonzero(score[start:end] >= on)).size:
            spans.append(Span((start + int(reached[0])) * width, end * width))
    return tuple(spans)


def _heard(audio: Audio) -> Iterator[tuple[Samples, Samples]]:
    before = np.zeros(CONTEXT, np.float32)
    for _, frames in blocks(audio, size=BLOCK):
        block = frames[:, 0]
        yield before, block
        before = np.concatenate([before, block])[-CONTEXT:]


def _smooth(level: Values, steps: int = 6) -> Values:
    from scipy.ndimage import uniform_filter1d

    return uniform_filter1d(level, steps, mode="nearest")  # type: ignore[no-any-return]


def _floor(level: Values, seconds: float = 10.0) -> Values:
    """The level that a tenth of the steps within `seconds` around stay below."""
    from scipy.ndimage import percentile_filter

    coarse = 20  # 100 ms
    padded = np.pad(level, (0, -len(level) % coarse), mode="edge").reshape(-1, coarse).mean(1)
    slow = percentile_filter(padded, 10, size=round(seconds * RATE / STEP / coarse), mode="nearest")
    return np.repeat(slow, coarse)[: len(level)]  # type: ignore[no-any-return]


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
