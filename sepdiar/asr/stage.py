"""The stage that puts words, with their times, into the turns of each track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from sepdiar.asr import Attentive, Recognizer
from sepdiar.asr.channel import Channel, channels_of
from sepdiar.asr.hearing import heard
from sepdiar.asr.utterances import place
from sepdiar.backend_stage import BackendStage
from sepdiar.conversation import Provenance, Span, Word
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Take

NO_WORDS = "none"


class Transcribe(BackendStage):
    """Recognises each channel within its speakers' turns, where it is not quiet, and leaves out what leaked from the other one.

    The backend "none" loads nothing and leaves the words out.
    """

    name = "transcribe"
    kind = "recognizer"
    requires = frozenset({"tracks", "turns"})
    provides = frozenset({"words"})

    def __init__(self, backend: str = "pocketsphinx", device: str = "cpu", **tables: Mapping[str, Any]) -> None:
        super().__init__(backend, device, **tables)
        self._account: Mapping[str, Any] = {}

    @property
    def device(self) -> str:  # type: ignore[override]
        return "cpu" if self.backend == NO_WORDS else super().device

    @property
    def modules(self) -> tuple[str, ...]:
        return (type(self).__module__,) if self.backend == NO_WORDS else super().modules

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        return () if self.backend == NO_WORDS else super().packages

    @property
    def models(self) -> tuple[str, ...]:  # type: ignore[override]
        return () if self.backend == NO_WORDS else super().models

    def check(self) -> None:
        if self.backend == NO_WORDS:
            self.check_tables()
        else:
            super().check()

    def open(self) -> None:
        if self.backend != NO_WORDS:
            super().open()

    def run(self, take: Take, emit: Listener) -> Take:
        self._account = {}
        if self.backend == NO_WORDS:
            return take
        recognizer: Recognizer = self.opened
        if not recognizer.training_grade:
            emit(Event("note", facts={"message": demonstration_grade(self.backend, recognizer)}))
        conversation, recording = take.conversation, take.conversation.recording.id

        one_at_a_time = Lock()  # a recogniser reads ahead in a thread of its own

        def progress(number: int, of: int, fraction: float) -> None:
            with one_at_a_time:
                emit(Event("stage.progress", recording, {"stage": self.name, "fraction": (number + fraction) / of}))

        channels = channels_of(take, recognizer.rate, progress)
        session = recognizer.of(conversation, channels) if isinstance(recognizer, Attentive) else _Plain(recognizer)
        found = heard(session, channels)
        for channel in channels:
            channel.close()
        self._account = {**session.facts, **found.facts}
        for message in found.messages():
            emit(Event("note", recording, {"message": message}))
        turns: list[list[Word]] = [[] for _ in conversation.turns]
        for channel, words in zip(channels, found.words, strict=True):
            for (number, _), own in zip(channel.parts, place(words, channel.speech)[0], strict=True):
                turns[number].extend(own)
        told = zip(conversation.turns, turns, strict=True)
        return take.with_value(turns=tuple(replace(turn, words=tuple(sorted(own, key=_when))) for turn, own in told))

    def provenance(self) -> Provenance:
        made = super().provenance()
        return replace(made, parameters={**made.parameters, **self._account})


def demonstration_grade(backend: str, recognizer: Recognizer) -> str:
    """What a user is told where the words are too poor to train on."""
    caution = f" ({caution})" if (caution := getattr(recognizer, "caution", "")) else ""
    return (
        f"the words of {backend} are of demonstration grade{caution}: do not train on them. --recognizer whisper has better ones "
        "(pip install 'sepdiar[whisper,hub]', then sepdiar models pull whisper-turbo), --recognizer none leaves words out, and "
        "`sepdiar backends` lists what is installed"
    )


@dataclass(frozen=True)
class _Plain:
    """A recogniser that needs to know nothing but the sound."""

    recognizer: Recognizer
    facts: Mapping[str, Any] = field(default_factory=dict)

    def transcribe(self, channel: Channel) -> Sequence[Word]:
        return self.recognizer.transcribe(channel.audio, channel.spans)


def _when(word: Word) -> Span:
    return word.span
