"""Guided source separation of one recording: `python -m sepdiar.evaluation.gss AUDIO... --turns TURNS --out DIR`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from sepdiar.conversation import Turn
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import gss
from sepdiar.evaluation.command import command
from sepdiar.evaluation.gss import CONTEXT
from sepdiar.evaluation.gss.files import written
from sepdiar.formats import read_segments
from sepdiar.formats.segments import to_turns
from sepdiar.metrics.sides import open_audio


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


def _turns(path: Path, rate: int) -> tuple[Turn, ...]:
    segments = read_segments(path)
    if len({segment.session for segment in segments}) > 1:
        raise SepdiarError("SD601", "turns of several recordings; they must be of the one that is given", where=str(path))
    return to_turns(segments, rate)


if __name__ == "__main__":
    sys.exit(main())
