"""The stage that finds out who speaks when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sepdiar.audio.source import Audio, OneChannel, at_rate
from sepdiar.backend_stage import BackendStage
from sepdiar.conversation import Provenance, Span, Turn, mark_overlaps
from sepdiar.diarization import Diarizer
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Take

SIDES = ("LEFT", "RIGHT")
DEAF = "the diarizer {} hears no overlap: where two speak at once, one gets the time, and the other is heard on that channel"


class Diarize(BackendStage):
    """Turns in samples of the recording; speakers are S1, S2, ... in the order of first speaking.

    A recording with one speaker a channel needs nobody told apart: each channel's speech is LEFT's or RIGHT's.
    `speakers` is how many there are, 0 where that is unknown.
    """

    name = "diarize"
    kind = "diarizer"
    requires = frozenset({"audio"})
    provides = frozenset({"turns"})

    def __init__(self, backend: str = "mfcc", speakers: int = 0, device: str = "cpu", **tables: Mapping[str, Any]) -> None:
        super().__init__(backend, device, **tables)
        self.speakers = speakers

    def check(self) -> None:
        if not isinstance(self.speakers, int) or isinstance(self.speakers, bool) or not 0 <= self.speakers <= 100:
            raise SepdiarError("SD202", f"0 to 100, not {self.speakers!r}", where="diarize.speakers")
        super().check()

    def provenance(self) -> Provenance:
        made = super().provenance()
        return replace(made, parameters={**made.parameters, "speakers": self.speakers, "hears_overlap": self._hears_overlap})

    @property
    def _hears_overlap(self) -> bool:
        return getattr(self.made, "hears_overlap", True)

    def run(self, take: Take, emit: Listener) -> Take:
        recording = take.conversation.recording
        if take.sound.channels == 2:
            found = [turn for number, side in enumerate(SIDES) for turn in self._side(take, number, side)]
        else:
            if not self._hears_overlap:
                emit(Event("note", facts={"message": DEAF.format(self.backend)}))
            found = list(_named(self._turns(take, take.sound, "mono", self.speakers or None)))
        if not found:
            raise SepdiarError("SD120", where=recording.path)
        return take.with_value(turns=mark_overlaps(found))

    def _side(self, take: Take, channel: int, side: str) -> Iterator[Turn]:
        for turn in self._turns(take, OneChannel(take.sound, channel), side.lower(), 1):
            yield replace(turn, speaker=side)

    def _turns(self, take: Take, audio: Audio, name: str, speakers: int | None) -> Iterator[Turn]:
        """What the backend hears, in the recording's own samples and within it."""
        told = getattr(self.opened, "of", None)
        diarizer: Diarizer = told(take.conversation.recording) if told else self.opened
        whole = Span(0, audio.samples)
        heard = at_rate(audio, diarizer.rate, take.scratch / f"diarize-{name}.f32")
        for turn in diarizer.diarize(heard, speakers):
            if span := turn.span.at_rate(heard.rate, audio.rate) & whole:
                yield Turn(turn.speaker, span)


def _named(turns: Iterator[Turn] | Sequence[Turn]) -> Iterator[Turn]:
    names: dict[str, str] = {}
    for turn in sorted(turns, key=lambda turn: (turn.span, turn.speaker)):
        yield replace(turn, speaker=names.setdefault(turn.speaker, f"S{len(names) + 1}"))
