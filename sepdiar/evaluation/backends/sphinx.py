"""PocketSphinx: its model comes with its package, which hears a file as one utterance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sepdiar.evaluation.backends.same import Answer


def publish(name: str, folder: Path, shape: Mapping[str, Any], heard: Path) -> dict[str, Any]:
    """Nothing needs to be written."""
    return {}


def theirs(name: str, parameters: Mapping[str, Any], device: str, threads: int) -> Callable[[Path], Answer]:
    """A decoder as it is, over the samples of a file."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=16_000, loglevel="FATAL")

    def call(file: Path) -> Answer:
        samples, _ = soundfile.read(file, dtype="int16")
        decoder.start_utt()
        decoder.process_raw(np.ascontiguousarray(samples).tobytes(), full_utt=True)
        decoder.end_utt()
        return [segment.word.partition("(")[0] for segment in decoder.seg() or () if segment.word[0] not in "<[+"]

    return call
