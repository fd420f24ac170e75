"""Guided source separation of one recording: `python -m sepdiar.evaluation.gss AUDIO... --turns TURNS --out DIR`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile

from sepdiar.audio.source import BLOCK, Audio
from sepdiar.conversation import Turn
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import gss
from sepdiar.evaluation.command import command
from sepdiar.evaluation.gss import CONTEXT, Piece
from sepdiar.formats import read_segments
from sepdiar.formats.segments import to_turns
from sepdiar.metrics.sides import open_audio
from sepdiar.store.disk import refusals


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Write one WAV a speaker, silent where that speaker is; their paths go to stdout."""
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.gss", description=gss.__doc__)
    parser.add_argument("audio", type=Path, nargs="+", help="one file of several channels, or a file a microphone (WAV, FLAC)")
    parser.add_argument("--turns", type=Path, required=True, help="who speaks when, of this one recording")
    parser.add_argument("--out", type=Path, required=True, help="folder for SPEAKER.wav")
    parser.add_argument("--context", type=float, default=CONTEXT, help="seconds that are heard on each side of a turn")
    parser.add_argument("--keep-echoes", action="store_true", help="no prediction of echoes: much faster")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args(arguments)
    array = gss.array([open_audio(path) for path in asked.audio])
    pieces = gss.guided(
        array, _turns(asked.turns, array.rate), context=asked.context, dereverberate=not asked.keep_echoes, device=asked.device
    )
    for path in written(pieces, array, asked.out):
        print(path)
    return 0


def written(pieces: Iterable[Piece], audio: Audio, out: Path) -> list[Path]:
    """The pieces at their places, one WAV a speaker, each as long as the recording."""
    files: dict[str, soundfile.SoundFile] = {}
    with refusals(out), ExitStack() as stack:
        out.mkdir(parents=True, exist_ok=True)
        for piece in pieces:
            if piece.speaker not in files:
                path = out / f"{piece.speaker.replace('/', '_')}.wav"
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


def _turns(path: Path, rate: int) -> tuple[Turn, ...]:
    segments = read_segments(path)
    if len({segment.session for segment in segments}) > 1:
        raise SepdiarError("SD601", "turns of several recordings; they must be of the one that is given", where=str(path))
    return to_turns(segments, rate)


if __name__ == "__main__":
    sys.exit(main())
