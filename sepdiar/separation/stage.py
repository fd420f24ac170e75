"""The stage that gives every speaker of an overlapped stretch a source of their own, and leaves the rest alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from sepdiar import registry
from sepdiar.audio.source import BLOCK, Audio, RawAudio, Samples
from sepdiar.backend_stage import BackendStage
from sepdiar.conversation import Provenance, Span, Turn
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Sources, Take
from sepdiar.separation import Blind, Separator
from sepdiar.separation.decide import Account
from sepdiar.separation.join import Joiner, Piece
from sepdiar.separation.plan import Stretches, everything, overlapped

TRACKS = ("track 1", "track 2")


class Separate(BackendStage):
    """Calls the separator for the overlapped stretches, or `everywhere`; a recording with one speaker a channel passes through.

    For a blind separator: `context_seconds` of clean speech are heard with a stretch on each side, and before it
    `anchor_seconds` of each of the two speakers alone, which several stretches share where they fit into a window; `batch` of
    these at once (fewer and then shorter ones where memory is short, which the provenance tells); `voice` is the model of ours
    that knows speakers by their voices, "" for none; and where what speaks for one way of giving sources to speakers is less than
    `doubt` above what speaks for the other, nothing is separated, which is counted; nor is it, uncounted, in moments in which the
    sources hardly differ. 4 make the odds e times better. Where one is alone beside an overlap speaks for 14 at most, so that
    above it voices, or other windows, have to say so as well. With a `doubt` of 0 all is separated.

    Where it comes before the diarizer, a blind separator hears every second, and its two tracks are nobody's yet: windows are
    joined by what they have in common alone. `everywhere` then says whether the channels will be the tracks, or the input
    wherever one person speaks.
    """

    name = "separate"
    kind = "separator"
    provides = frozenset({"sources"})

    def __init__(
        self,
        backend: str = "masking",
        everywhere: bool = False,
        context_seconds: float = 1.5,
        anchor_seconds: float = 0.0,
        batch: int = 8,
        voice: str = "",
        doubt: float = 0.0,
        device: str = "cpu",
        **tables: Mapping[str, Any],
    ) -> None:
        super().__init__(backend, device, **tables)
        self.everywhere, self.context_seconds, self.batch, self.voice = everywhere, context_seconds, batch, voice
        self.anchor_seconds, self.doubt = anchor_seconds, doubt
        self._voice_sha256 = ""
        self.joiner: Joiner | None = None
        self._account: Mapping[str, Any] = {}
        self._first = False

    @property
    def requires(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"audio"} if self._blind else {"audio", "turns"})

    @property
    def models(self) -> tuple[str, ...]:  # type: ignore[override]
        return super().models + ((self.voice,) if self.voice and self._blind else ())

    @property
    def _blind(self) -> bool:
        return hasattr(registry.load(self.kind, self.backend), "split")

    def check(self) -> None:
        for key, most in (("context_seconds", 30), ("anchor_seconds", 30), ("doubt", 100)):
            if not 0 <= getattr(self, key) <= most:
                raise SepdiarError("SD202", f"0 to {most}, not {getattr(self, key)!r}", where=f"separate.{key}")
        if not isinstance(self.batch, int) or not 1 <= self.batch <= 1024:
            raise SepdiarError("SD202", f"a whole number from 1 to 1024, not {self.batch!r}", where="separate.batch")
        super().check()
        if self.everywhere and getattr(registry.load(self.kind, self.backend), "origin", "") == "mixed":
            raise SepdiarError("SD202", f"{self.backend} separates nothing anywhere", where="separate.everywhere")

    def open(self) -> None:
        super().open()
        self.use(self.made)

    def use(self, separator: Blind | Separator) -> None:
        """Work with a separator that is made already."""
        self.made = separator
        if isinstance(separator, Blind):
            listen = None
            if self.voice:
                from sepdiar.networks.ear import Ear

                listen = Ear(self.voice, self.device)
                self._voice_sha256 = listen.model_sha256
            self.joiner = Joiner(
                separator, self.backend, listen, self.context_seconds, self.batch, self.anchor_seconds, self.doubt
            )

    def provenance(self) -> Provenance:
        made = super().provenance()
        more: dict[str, Any] = {"everywhere": True} if self.everywhere else {}
        more |= {"first": True} if self._first else {}
        if self.joiner:
            more |= {"context_seconds": self.context_seconds, "anchor_seconds": self.anchor_seconds}
            more |= {"doubt": self.doubt, "batch": self.batch, "voice": self.voice, **self._account}
            more |= {"voice_sha256": self._voice_sha256} if self.voice else {}
            more |= {"precision": self.made.precision} if hasattr(self.made, "precision") else {}
        return replace(made, parameters={**made.parameters, **more})

    def run(self, take: Take, emit: Listener) -> Take:
        self._account = {}
        self._first = not take.conversation.turns and take.sound.channels == 1
        if take.sound.channels == 2 or len(take.conversation.speakers) == 1:
            return take
        speakers = TRACKS if self._first else take.conversation.speakers
        made = written(take, speakers, self._pieces(take), self.name, emit)
        if less := self._account.get("out_of_memory"):
            message = f"out of memory: separated {less['batch']} at once, in windows of at most {less['window']:g} s"
            emit(Event("note", take.conversation.recording.id, {"message": message}))
        origin = "separated" if self.joiner else self.opened.origin
        return replace(take, sources=Sources(origin, made, self.everywhere, self._first))

    def _pieces(self, take: Take) -> Iterator[Piece]:
        audio, turns = take.sound, take.conversation.turns
        if self._first:
            turns = tuple(Turn(track, Span(0, audio.samples)) for track in TRACKS)
        stretches = everything(turns, audio.samples) if self.everywhere or self._first else overlapped(turns)
        if not self.joiner:
            of = getattr(self.opened, "of", None)
            yield from told(of(take.conversation) if of else self.opened, self.backend, audio, stretches)
            return
        account = Account()
        yield from self.joiner.sources(audio, turns, stretches, account)
        self._account = account.facts(audio.rate)


def written(take: Take, speakers: Sequence[str], pieces: Iterator[Piece], stage: str, emit: Listener) -> dict[str, Audio]:
    """Each speaker's source, in a file of its own with holes where there is no piece."""
    audio, recording = take.sound, take.conversation.recording.id
    paths = {speaker: take.scratch / f"{stage}-{number}.f32" for number, speaker in enumerate(speakers)}
    with ExitStack() as stack:
        files = {speaker: stack.enter_context(path.open("wb")) for speaker, path in paths.items()}
        for span, sources in pieces:
            for speaker, frames in sources.items():
                files[speaker].seek(4 * span.start)
                files[speaker].write(np.ascontiguousarray(frames).tobytes())
            emit(Event("stage.progress", recording, {"stage": stage, "fraction": span.end / audio.samples}))
    return {speaker: RawAudio(path, audio.rate, audio.samples, bits=audio.bits) for speaker, path in paths.items()}


def told(separator: Separator, backend: str, audio: Audio, stretches: Stretches, size: int = BLOCK) -> Iterator[Piece]:
    """The stretches by pieces of at most `size` samples, from a separator that knows whose source is whose."""
    for stretch, speakers in stretches:
        for start in range(stretch.start, stretch.end, size):
            piece = Span(start, min(start + size, stretch.end))
            yield piece, _whole(separator.separate(audio, piece, speakers), piece, speakers, backend)


def _whole(sources: Mapping[str, Samples], window: Span, speakers: Sequence[str], backend: str) -> dict[str, Samples]:
    if set(sources) != set(speakers):
        raise SepdiarError("SD901", f"separator {backend} gave sources for {sorted(sources)}, asked for {sorted(speakers)}")
    whole = {speaker: np.ascontiguousarray(sources[speaker], np.float32) for speaker in speakers}
    for speaker, frames in whole.items():
        if frames.shape != (len(window),) or not np.isfinite(frames).all():
            raise SepdiarError("SD901", f"separator {backend} gave {speaker} {frames.shape}, not {len(window)} finite samples")
    return whole
