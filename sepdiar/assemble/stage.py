"""The stage that writes each dialogue as a FLAC of two channels, at the rate, level and bit depth of what came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar import __version__
from sepdiar.assemble.channels import plan, samples
from sepdiar.assemble.flac import write_flac
from sepdiar.assemble.pairing import PAIRINGS, Dialogue, dyadic, main
from sepdiar.audio.source import blocks
from sepdiar.conversation import Provenance, Span, Stretch, Track, merged
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.formats.segments import speech
from sepdiar.pipeline import Stage, Take

Channels = tuple[Sequence[tuple[Stretch, ...]], Iterator[NDArray[np.floating[Any]]]]


class Assemble(Stage):
    """Two channels a dialogue. `minimum_seconds` is the shortest dialogue cut out of a talk of more than two."""

    name = "assemble"
    requires = frozenset({"audio", "turns"})
    provides = frozenset({"tracks"})

    def __init__(self, pairing: str = "dyadic", fade_ms: float = 5.0, minimum_seconds: float = 10.0) -> None:
        self.pairing, self.fade_ms, self.minimum_seconds = pairing, fade_ms, minimum_seconds

    def check(self) -> None:
        if self.pairing not in PAIRINGS:
            raise SepdiarError("SD202", f"one of {', '.join(PAIRINGS)}, not {self.pairing!r}", where="assemble.pairing")
        for key, value, most in (("fade_ms", self.fade_ms, 100), ("minimum_seconds", self.minimum_seconds, 86400)):
            if not isinstance(value, int | float) or not 0 <= value <= most:
                raise SepdiarError("SD202", f"0 to {most}, not {value!r}", where=f"assemble.{key}")

    def provenance(self) -> Provenance:
        parameters: dict[str, Any] = {"pairing": self.pairing, "fade_ms": self.fade_ms, "minimum_seconds": self.minimum_seconds}
        return Provenance(self.name, __version__, parameters=parameters)

    def run(self, take: Take, emit: Listener) -> Take:
        audio, tracks = take.sound, list[Track]()
        for number, dialogue in enumerate(self._dialogues(take)):
            path = take.item / f"dialogue-{number:03d}.flac"
            channels, frames = self._recorded(take, dialogue) if audio.channels == 2 else self._built(take, dialogue)
            if clipped := write_flac(path, audio.rate, audio.bits, frames):
                message = f"{path.name}: {clipped} samples were beyond full scale and are clipped"
                emit(Event("note", take.conversation.recording.id, {"message": message}))
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            for channel, speakers in enumerate(dialogue.sides):
                tracks += [Track(name, path.name, channel, dialogue.span, channels[channel], sha256) for name in speakers]
        return take.with_value(tracks=tuple(tracks))

    def _dialogues(self, take: Take) -> Sequence[Dialogue]:
        turns, samples, speakers = take.conversation.turns, take.sound.samples, take.conversation.speakers
        dialogues: Sequence[Dialogue]
        if take.sound.channels == 2:
            dialogues = [Dialogue(Span(0, samples), ("LEFT",), ("RIGHT",))] if len(speakers) == 2 else []
        elif self.pairing == "main":
            dialogues = main(turns, samples)
        else:
            dialogues = dyadic(turns, samples, round(self.minimum_seconds * take.sound.rate))
        if not dialogues:
            heard = f"{len(speakers)} speaker{'s' * (len(speakers) != 1)}"
            raise SepdiarError("SD121", heard, where=take.conversation.recording.path)
        return dialogues

    def _recorded(self, take: Take, dialogue: Dialogue) -> Channels:
        recorded = (Stretch(dialogue.span, "recorded"),)
        return (recorded, recorded), (frames for _, frames in blocks(take.sound))

    def _built(self, take: Take, dialogue: Dialogue) -> Channels:
        active, fade = speech(take.conversation.turns), round(self.fade_ms * take.sound.rate / 1000)
        left, right = (merged(span for name in side for span in active[name]) for side in dialogue.sides)
        made = take.sources.audio if take.sources and take.sources.origin == "separated" else {}
        sources = [[made[name] for name in side if name in made] for side in dialogue.sides]
        channels = [plan(dialogue.span, *own_first, fade, bool(made)) for own_first in ((left, right), (right, left))]
        if made and take.sources and take.sources.everywhere:
            channels = [(Stretch(dialogue.span, "separated"),) for _ in channels]

        def frames() -> Iterator[NDArray[np.float64]]:
            for part, mixture in blocks(take.sound, dialogue.span):
                sides = zip(channels, sources, strict=True)
                yield np.stack([samples(side, part, mixture[:, 0], source, fade) for side, source in sides], axis=1)

        return channels, frames()
