"""One channel as a recogniser meets it: its audio, where to listen, and the way between its clock and the recording's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sepdiar.asr.sounding import Sounding, sounding
from sepdiar.audio.source import Audio, FileAudio, OneChannel, Samples, View, at_rate
from sepdiar.conversation import Span, Track, Turn, Word, intersected
from sepdiar.pipeline import Take

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Channel:
    """A channel of a dialogue. `parts` are its speakers' turns in it, each with the turn's number, on the recording's clock."""

    take: Take
    tracks: tuple[Track, ...]
    parts: tuple[tuple[int, Span], ...]
    rate: int
    """That of `audio`, which is the recogniser's."""
    progress: Progress

    @property
    def file(self) -> str:
        return self.tracks[0].file

    @property
    def span(self) -> Span:
        """What of the recording it covers."""
        return self.tracks[0].span

    @property
    def speech(self) -> tuple[Span, ...]:
        """Its speakers' turns, on the recording's clock."""
        return tuple(part for _, part in self.parts)

    @cached_property
    def native(self) -> Audio:
        """As it was written, at the recording's own rate."""
        return OneChannel(FileAudio.open(self.take.item / self.file), self.tracks[0].channel)

    @cached_property
    def audio(self) -> Audio:
        """At the recogniser's rate; made when somebody wants to hear it."""
        return _Watched(at_rate(self.native, self.rate, self._scratch), self.progress)

    @cached_property
    def sounding(self) -> Sounding:
        """Where it can be heard at all, on the recording's clock."""
        found = sounding(self.native, [part.shift(-self.span.start) for part in self.speech])
        return replace(found, spans=tuple(span.shift(self.span.start) for span in found.spans))

    @property
    def spans(self) -> list[Span]:
        """Where to listen, in samples of `audio`: within the turns, where it is not quiet."""
        heard = (part for turn in self.speech for part in intersected([turn], self.sounding.spans))
        return [span for part in heard if len(span := self.there(part))]

    def there(self, span: Span) -> Span:
        """A span of the recording in samples of `audio`."""
        return span.shift(-self.span.start).at_rate(self.native.rate, self.rate)

    def here(self, word: Word) -> Word:
        """A word in samples of `audio` on the clock of the recording."""
        return replace(word, span=word.span.at_rate(self.rate, self.native.rate).shift(self.span.start))

    def close(self) -> None:
        """Drop what was written for it."""
        self._scratch.unlink(missing_ok=True)

    @property
    def _scratch(self) -> Path:
        return self.take.scratch / f"{self.file}.{self.tracks[0].channel}.{self.rate}.f32"


def channels_of(take: Take, rate: int, progress: Callable[[int, int, float], None]) -> list[Channel]:
    """Every channel of a take; tracks that share one, as the others of `--pairing main` do, are heard once."""
    grouped = _by_channel(take.conversation.tracks)
    made = []
    for number, tracks in enumerate(grouped):

        def tell(fraction: float, number: int = number) -> None:
            progress(number, len(grouped), fraction)

        made.append(Channel(take, tracks, _parts(take.conversation.turns, tracks), rate, tell))
    return made


def _parts(turns: Sequence[Turn], tracks: Sequence[Track]) -> tuple[tuple[int, Span], ...]:
    speakers, span = {track.speaker for track in tracks}, tracks[0].span
    return tuple((number, part) for number, turn in enumerate(turns) if turn.speaker in speakers and (part := turn.span & span))


def _by_channel(tracks: Iterable[Track]) -> list[tuple[Track, ...]]:
    channels: dict[tuple[str, int], list[Track]] = {}
    for track in tracks:
        channels.setdefault((track.file, track.channel), []).append(track)
    return [tuple(own) for own in channels.values()]


@dataclass(frozen=True)
class _Watched(View):
    """Audio that tells how far it has been read."""

    progress: Progress

    def read(self, span: Span) -> Samples:
        self.progress(span.end / max(1, self.samples))
        return super().read(span)
