"""The row of a benchmark that has an array: guided source separation in the separator's place, and the chain's own recogniser.

It is given the array's channels instead of the mixture, and is told who speaks when; every speaker gets a channel. Below `--out`:
`gss-system/NAME/` with the turns that the chain found, `gss-oracle/NAME/` with the true ones, each with voices.wav, a channel a
speaker, and conversation.json with the words; what was made before is not made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from sepdiar import __version__
from sepdiar.audio.source import Audio, blocks
from sepdiar.conversation import Conversation, Provenance, Span, Track
from sepdiar.corpora import Truth
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import gss
from sepdiar.evaluation.gss.files import file_of, written
from sepdiar.evaluation.meetings.chain import Chain, Made, kept_as
from sepdiar.evaluation.meetings.work import Work
from sepdiar.events import Event
from sepdiar.formats import read_conversation
from sepdiar.metrics.sides import Beside, open_audio
from sepdiar.pipeline import Stage, Take
from sepdiar.store import disk

TURNS = {"system": "the turns that the chain found", "oracle": "the true turns"}
VOICES, FOUND = "voices.wav", "conversation.json"
SHORT = 1.0  # seconds that a microphone may stop before the others


@dataclass(frozen=True)
class Guided:
    """Guided source separation before the recogniser of a chain; `turns` are the chain's ("system"), or true ("oracle")."""

    turns: str
    chain: Chain
    microphones: tuple[int, ...]
    """How many the arrays of the recordings have."""

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"GSS, {self.turns} turns"

    @property
    def protocol(self) -> str:
        """What stands before the protocol of its scores."""
        return f"guided source separation of {' or '.join(map(str, self.microphones))} microphones with {TURNS[self.turns]}"

    def over(self, truths: Sequence[Truth], made: Made) -> Made:
        """The recordings through the array; `made` is what the chain says of them through one microphone."""
        own = self.turns == "system"
        known = made.conversations if own else {truth.name: truth.conversation for truth in truths}
        told = {name: value for name, value in known.items() if value.turns}
        stage = next(stage for stage in self.chain.config().stages() if stage.name == "transcribe")
        stage.open()
        found = {truth.name: self._heard(truth, told[truth.name], stage) for truth in truths if truth.name in told}
        return Made(found, made.failures if own else {})

    def place(self, truth: Truth) -> Path:
        """Where what is made of a recording is kept."""
        return self.chain.out / f"gss-{self.turns}" / Path(kept_as(truth)).stem

    def _heard(self, truth: Truth, told: Conversation, stage: Stage) -> Conversation:
        found = self.place(truth) / FOUND
        if not found.is_file():
            self._separated(truth, told)
            disk.write_whole(found, self._recognised(truth, told, stage).to_json() + "\n", found.with_suffix(".new"))
        return read_conversation(found)

    def _separated(self, truth: Truth, told: Conversation) -> None:
        """The voices in a file, in the order in which they are first heard; it is there once it is whole."""
        voices = self.place(truth) / VOICES
        if voices.is_file():
            return
        audio = gss.array(microphones(truth))
        self.chain.listen(Event("note", truth.name, {"message": f"guided source separation of {audio.channels} microphones"}))
        disk.make_folder(voices.parent)
        with disk.refusals(voices.parent), TemporaryDirectory(dir=voices.parent) as scratch:
            apart, part = Path(scratch), Path(scratch) / "part"
            written(gss.guided(audio, told.turns, device=self._device), audio, apart)
            known = Beside(tuple(open_audio(apart / file_of(speaker)) for speaker in _speakers(told, audio.samples)))
            with soundfile.SoundFile(part, "w", audio.rate, known.channels, "FLOAT", format="RF64") as into:
                for _, frames in blocks(known):
                    into.write(frames)
            part.replace(voices)

    def _recognised(self, truth: Truth, told: Conversation, stage: Stage) -> Conversation:
        place = self.place(truth)
        whole = Span(0, open_audio(place / VOICES).samples)
        tracks = (Track(speaker, VOICES, number, whole) for number, speaker in enumerate(_speakers(told, whole.end)))
        turns = tuple(replace(turn, words=()) for turn in told.turns)
        with TemporaryDirectory(prefix="sepdiar-") as scratch:
            value = Conversation(truth.conversation.recording, turns, tuple(tracks), provenance=(self._provenance(),))
            value = stage.run(Take(value, place, place, Path(scratch)), self.chain.listen).conversation
        step = stage.provenance()
        return replace(value, provenance=(*value.provenance, step)) if step else value

    def _provenance(self) -> Provenance:
        parameters = {"turns": self.turns, "microphones": list(self.microphones), "context_seconds": gss.CONTEXT}
        return Provenance("gss", __version__, parameters=parameters, device=self._device)

    @property
    def _device(self) -> str:
        return str(self.chain.config().values.get("device", "cpu"))


def guided(turns: str | None, work: Work, truths: Sequence[Truth], place: Path) -> Guided | None:
    """The way through the array, where one was asked for; refused before anything is made where it cannot be gone.

    SD202: `turns` are neither "system" nor "oracle". SD204: the chain has no words, by which it is measured. SD603: a
    recording of `place` has no array. SD250: NeMo is not installed, and there are voices yet to be told apart.
    """
    if turns is None:
        return None
    if turns not in TURNS:
        raise SepdiarError("SD202", f"no turns {turns!r}; there are: {', '.join(TURNS)}", where="gss")
    if not work.chain.says_words:
        what = "guided source separation is measured by words, and none come out of this chain"
        raise SepdiarError("SD204", what, where="gss", hint="Name a recognizer: --set transcribe.backend=whisper")
    counts = {truth.name: sum(one.channels for one in microphones(truth)) for truth in truths}
    for name, count in counts.items():
        if count < 2:
            raise work.about.missing(f"{name} has {count or 'no'} microphone of an array, and --gss needs two or more", place)
    found = Guided(turns, work.chain, tuple(sorted(set(counts.values()))))
    if not all((found.place(truth) / VOICES).is_file() for truth in truths):
        gss.needed()
    return found


def _speakers(told: Conversation, samples: int) -> tuple[str, ...]:
    """Everybody who has a turn in so many samples, in the order of first speaking."""
    return tuple(dict.fromkeys(turn.speaker for turn in told.turns if turn.span & Span(0, samples)))


def microphones(truth: Truth) -> list[Audio]:
    """Those of the recording's array that last as long as it, or nearly: one that stops early would cut all others short."""
    recording = truth.conversation.recording
    files = (open_audio(truth.folder / file) for file in truth.array)
    return [one for one in files if one.rate == recording.rate and one.samples > recording.samples - SHORT * recording.rate]
