"""What guided source separation gives, in files: one WAV a speaker."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile

from sepdiar.audio.source import BLOCK, Audio
from sepdiar.evaluation.gss import Piece
from sepdiar.store.disk import refusals


def file_of(speaker: str) -> str:
    """What the file of a speaker is called.

    >>> file_of("P05"), file_of("meeting/A")
    ('P05.wav', 'meeting_A.wav')
    """
    return f"{speaker.replace('/', '_')}.wav"


def written(pieces: Iterable[Piece], audio: Audio, out: Path) -> list[Path]:
    """The pieces at their places, one WAV a speaker, each as long as the recording."""
    files: dict[str, soundfile.SoundFile] = {}
    with refusals(out), ExitStack() as stack:
        out.mkdir(parents=True, exist_ok=True)
        for piece in pieces:
            if piece.speaker not in files:
                path = out / file_of(piece.speaker)
                files[piece.speaker] = stack.enter_context(soundfile.SoundFile(path, "w", audio.rate, 1, "FLOAT"))
            file = files[piece.speaker]
            _silence(file, piece.span.start - file.tell())
            file.write(piece.samples)
        for file in files.values():
            _silence(file, audio.samples - file.tell())
    return [Path(file.name) for file in files.values()]


def _silence(file: soundfile.SoundFile, samples: int) -> None:
    for start in range(0, samples, BLOCK):
        file.write(np.zeros(min(BLOCK, samples - start), np.float32))
