"""The stage that puts words, with their times, into the turns of each track."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sepdiar.asr import Recognizer
from sepdiar.asr.utterances import place
from sepdiar.audio.source import FileAudio, OneChannel, Samples, View, at_rate
from sepdiar.backend_stage import BackendStage
from sepdiar.conversation import Span, Track, Word
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Take

NO_WORDS = "none"


class Transcribe(BackendStage):
    """Recognises each channel within its speakers' turns. The backend "none" loads nothing and leaves the words out."""

    name = "transcribe"
    kind = "recognizer"
    requires = frozenset({"tracks", "turns"})
    provides = frozenset({"words"})

    def __init__(self, backend: str = "pocketsphinx", device: str = "cpu", **tables: Mapping[str, Any]) -> None:
        super().__init__(backend, device, **tables)

    @property
    def device(self) -> str:  # type: ignore[override]
        return "cpu" if self.backend == NO_WORDS else super().device

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        return () if self.backend == NO_WORDS else super().packages

    def check(self) -> None:
        if self.backend != NO_WORDS:
            super().check()

    def open(self) -> None:
        if self.backend != NO_WORDS:
            super().open()

    def run(self, take: Take, emit: Listener) -> Take:
        if self.backend == NO_WORDS:
            return take
        recognizer: Recognizer = self.opened
        if not recognizer.training_grade:
            emit(Event("note", facts={"message": demonstration_grade(self.backend, recognizer)}))
        turns, recording = take.conversation.turns, take.conversation.recording.id
        heard: list[list[Word]] = [[] for _ in turns]
        outside = 0
        channels = _by_channel(take.conversation.tracks)
        for number, tracks in enumerate(channels):
            span, speakers = tracks[0].span, {track.speaker for track in tracks}
            parts = [(i, part) for i, turn in enumerate(turns) if turn.speaker in speakers and (part := turn.span & span)]

            def progress(fraction: float, done: int = number) -> None:
                share = (done + fraction) / len(channels)
                emit(Event("stage.progress", recording, {"stage": self.name, "fraction": share}))

            words = _recognized(recognizer, take, tracks[0], [part for _, part in parts], progress)
            placed, lost = place(words, [part for _, part in parts])
            for (index, _), own in zip(parts, placed, strict=True):
                heard[index].extend(own)
            outside += lost
        if outside:
            message = f"{outside} words lie outside every turn of their speaker and are left out"
            emit(Event("note", recording, {"message": message}))
        told = zip(turns, heard, strict=True)
        return take.with_value(turns=tuple(replace(turn, words=tuple(sorted(own, key=_when))) for turn, own in told))


def demonstration_grade(backend: str, recognizer: Recognizer) -> str:
    """What a user is told where the words are too poor to train on."""
    caution = f" ({caution})" if (caution := getattr(recognizer, "caution", "")) else ""
    return (
        f"the words of {backend} are of demonstration grade{caution}: do not train on them. --recognizer none leaves words out. "
        "This version brings no recognizer of training grade; one that another package installs (of Whisper's class, say) "
        "is named with --recognizer NAME, and `sepdiar backends` lists what is installed"
    )


@dataclass(frozen=True)
class _Watched(View):
    """Audio that tells how far it has been read."""

    progress: Callable[[float], None]

    def read(self, span: Span) -> Samples:
        self.progress(span.end / max(1, self.samples))
        return super().read(span)


def _recognized(
    recognizer: Recognizer, take: Take, track: Track, spans: Sequence[Span], progress: Callable[[float], None]
) -> list[Word]:
    """The words of a track's channel within `spans`, in and out on the recording's clock."""
    file = FileAudio.open(take.item / track.file)
    path = take.scratch / f"{track.file}.{track.channel}.{recognizer.rate}.f32"
    audio = at_rate(OneChannel(file, track.channel), recognizer.rate, path)
    there = [span.shift(-track.span.start).at_rate(file.rate, audio.rate) for span in spans]
    words = recognizer.transcribe(_Watched(audio, progress), [span for span in there if len(span)])
    path.unlink(missing_ok=True)
    return [replace(word, span=word.span.at_rate(audio.rate, file.rate).shift(track.span.start)) for word in words]


def _by_channel(tracks: Iterable[Track]) -> list[list[Track]]:
    """Tracks that share a channel of a file, as the others of `--pairing main` do, are heard once."""
    channels: dict[tuple[str, int], list[Track]] = {}
    for track in tracks:
        channels.setdefault((track.file, track.channel), []).append(track)
    return list(channels.values())


def _when(word: Word) -> Span:
    return word.span
