"""The stage that finds out who speaks when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sepdiar import registry
from sepdiar.audio.source import Audio, InARow, OneChannel, at_rate, blocks
from sepdiar.backend_stage import BackendStage
from sepdiar.conversation import Provenance, Span, Turn, mark_overlaps
from sepdiar.diarization import Diarizer, Joint
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.formats.segments import speech
from sepdiar.pipeline import Sources, Take

SIDES = ("LEFT", "RIGHT")
DEAF = "the diarizer {} hears no overlap: where two speak at once, one gets the time, and the other is heard on that channel"


TRACE = 0.1  # of the power of another track: what a separator leaves of a voice where it does not belong


class Diarize(BackendStage):
    """Turns in samples of the recording; speakers are S1, S2, ... in the order of first speaking.

    A recording with one speaker a channel needs nobody told apart: each channel's speech is LEFT's or RIGHT's.
    `speakers` is how many there are, 0 where that is unknown. With `sources`, a diarizer that separates at once (`Joint`) gives
    the sources of overlapped stretches too, and the chain needs no other separator. Behind a separator it hears the tracks,
    where nobody is talked over, and says whose they are.
    """

    name = "diarize"
    kind = "diarizer"
    requires = frozenset({"audio"})

    def __init__(
        self, backend: str = "mfcc", speakers: int = 0, sources: bool = False, device: str = "cpu", **tables: Mapping[str, Any]
    ) -> None:
        super().__init__(backend, device, **tables)
        self.speakers, self.sources = speakers, sources
        self._on_tracks = False
        self._facts: Mapping[str, Any] = {}

    @property
    def provides(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"turns", "sources"} if self.sources else {"turns"})

    def check(self) -> None:
        if not isinstance(self.speakers, int) or isinstance(self.speakers, bool) or not 0 <= self.speakers <= 100:
            raise SepdiarError("SD202", f"0 to 100, not {self.speakers!r}", where="diarize.speakers")
        super().check()
        if self.sources and not hasattr(registry.load(self.kind, self.backend), "hear"):
            raise SepdiarError("SD202", f"{self.backend} diarizes and separates nothing", where="diarize.sources")

    def provenance(self) -> Provenance:
        made = super().provenance()
        more = {"speakers": self.speakers, "hears_overlap": self._hears_overlap} | ({"sources": True} if self.sources else {})
        more |= {"on_tracks": True} if self._on_tracks else {}
        return replace(made, parameters={**made.parameters, **more, **self._facts})

    @property
    def _hears_overlap(self) -> bool:
        return self._on_tracks or getattr(self.made, "hears_overlap", True)

    def run(self, take: Take, emit: Listener) -> Take:
        tracks = tuple(take.sources.audio.values()) if take.sources and take.sources.nameless and not self.sources else ()
        self._on_tracks = bool(tracks) and not hasattr(self.opened, "of")
        self._facts = {}
        if take.sound.channels == 2:
            return _with_turns(take, [turn for number, side in enumerate(SIDES) for turn in self._side(take, number, side)], {})
        if not self._hears_overlap:
            emit(Event("note", facts={"message": DEAF.format(self.backend)}))
        if self.sources:
            return self._with_sources(take, emit)
        heard = self._in_tracks(take, tracks) if self._on_tracks else self._turns(take, take.sound, "mono", self.speakers or None)
        found = list(heard)
        take = _with_turns(take, found, _names(found))
        if tracks:
            from sepdiar.separation.naming import named

            take = named(take, self.name, emit)
        return take

    def _in_tracks(self, take: Take, tracks: Sequence[Audio]) -> Iterator[Turn]:
        """Who speaks on any track: all heard as one recording, one behind the other, so that a voice is one speaker on all."""
        row, size = InARow(tracks), take.sound.samples
        parts = [Span(start, start + size) for start in range(0, row.samples, size)]
        found = list(self._turns(take, row, "tracks", self.speakers or None))
        here = [
            Turn(one.speaker, span.shift(-part.start))
            for one in found
            for track, part in zip(tracks, parts, strict=True)
            if (span := one.span & part) and not _trace(track, tracks, span.shift(-part.start))
        ]
        for speaker, spans in speech(here).items():  # who is heard on two at once, a trace of a voice on the other, speaks once
            yield from (Turn(speaker, span) for span in spans)

    def _with_sources(self, take: Take, emit: Listener) -> Take:
        """Turns and sources from one pass."""
        from sepdiar.separation.plan import overlapped
        from sepdiar.separation.stage import told, written

        joint: Joint = self.opened
        heard = at_rate(take.sound, joint.rate, take.scratch / "diarize-mono.f32")
        turns, separator = joint.hear(heard, self.speakers or None, take.scratch / "heard.f32")
        found = list(_brought(turns, heard, take.sound))
        names = _names(found)
        take = _with_turns(take, found, names)
        if len(names) < 2:
            return take
        known = {name: label for label, name in names.items()}
        stretches = ((span, tuple(known[name] for name in speakers)) for span, speakers in overlapped(take.conversation.turns))
        pieces = told(separator, self.backend, take.sound, stretches)
        named = ((span, {names[label]: frames for label, frames in sources.items()}) for span, sources in pieces)
        return replace(take, sources=Sources(separator.origin, written(take, tuple(names.values()), named, self.name, emit)))

    def _side(self, take: Take, channel: int, side: str) -> Iterator[Turn]:
        for turn in self._turns(take, OneChannel(take.sound, channel), side.lower(), 1):
            yield replace(turn, speaker=side)

    def _turns(self, take: Take, audio: Audio, name: str, speakers: int | None) -> Iterator[Turn]:
        """What the backend hears, in the recording's own samples and within it."""
        of = getattr(self.opened, "of", None)
        diarizer: Diarizer = of(take.conversation.recording) if of else self.opened
        heard = at_rate(audio, diarizer.rate, take.scratch / f"diarize-{name}.f32")
        found = diarizer.diarize(heard, speakers)
        self._facts = getattr(diarizer, "facts", {})
        return _brought(found, heard, audio)


def _trace(track: Audio, tracks: Sequence[Audio], span: Span) -> bool:
    """Whether a track has no more there than a trace of what another one has."""
    powers = [sum(float((frames**2).sum()) for _, frames in blocks(one, span)) for one in (track, *tracks)]
    return powers[0] < TRACE * max(powers)


def _brought(turns: Sequence[Turn], heard: Audio, audio: Audio) -> Iterator[Turn]:
    whole = Span(0, audio.samples)
    for turn in turns:
        if span := turn.span.at_rate(heard.rate, audio.rate) & whole:
            yield Turn(turn.speaker, span)


def _names(turns: Sequence[Turn]) -> dict[str, str]:
    """Of each speaker, in the order of first speaking."""
    names: dict[str, str] = {}
    for turn in sorted(turns, key=lambda turn: (turn.span, turn.speaker)):
        names.setdefault(turn.speaker, f"S{len(names) + 1}")
    return names


def _with_turns(take: Take, found: Sequence[Turn], names: Mapping[str, str]) -> Take:
    if not found:
        raise SepdiarError("SD120", where=take.conversation.recording.path)
    return take.with_value(turns=mark_overlaps(replace(turn, speaker=names.get(turn.speaker, turn.speaker)) for turn in found))
