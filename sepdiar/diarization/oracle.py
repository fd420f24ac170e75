"""Who speaks when, read and not heard: what a chain would do if its diarizer made no mistake."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sepdiar.audio.source import Audio
from sepdiar.conversation import Recording, Turn
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_segments
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics.result import by_session


class Oracle:
    """Turns from RTTM, for experiments that ask what the diarizer costs.

    `turns` is an RTTM file, or a folder with RTTM files at any depth. A recording is looked up by the first column: it is there
    under its id, or under the name of its file without the ending.
    """

    rate = 16_000
    uses = ()

    def __init__(self, turns: str = "") -> None:
        if not turns:
            raise SepdiarError("SD202", "an RTTM file, or a folder of them, is needed", where="diarize.oracle.turns")
        place = Path(turns)
        files = sorted(place.rglob("*.rttm")) if place.is_dir() else [place]
        if not files:
            raise SepdiarError("SD206", "no RTTM file in this folder", where=turns)
        self._place, self._sessions = turns, by_session(read_segments(files))
        self.model, self.model_sha256 = "turns", hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

    def of(self, recording: Recording) -> Known:
        """The turns of one recording; SD601 where no file has them."""
        for name in (recording.id, Path(recording.path).stem):
            if name in self._sessions:
                return Known(recording.rate, self._sessions[name])
        raise SepdiarError("SD601", f"no turns of it in {self._place}", where=recording.path)

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Refused: nothing can be known of sound without a name, and the stage asks `of` first."""
        raise SepdiarError("SD202", "turns are known by the name of a recording", where="diarizer oracle")


@dataclass(frozen=True)
class Known:
    """The turns of one recording, at its own rate."""

    rate: int
    segments: Sequence[Segment]

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """The turns as they stand, in samples of `audio`; SD202 where another number of people is said to speak."""
        known = len({one.speaker for one in self.segments})
        if speakers and speakers != known:
            raise SepdiarError("SD202", f"turns of {known} speakers, asked for {speakers}", where="diarizer oracle")
        turns = (Turn(one.speaker, one.span.at_rate(TICKS, audio.rate)) for one in self.segments)
        return [turn for turn in turns if len(turn.span)]
