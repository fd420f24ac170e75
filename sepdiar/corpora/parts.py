"""What readers share: turns on a clock of microseconds, and files with one speaker a channel, as a `Truth`."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sepdiar.audio.source import Audio
from sepdiar.conversation import Conversation, Recording, Span, Stretch, Track, Turn, Word, intersected, mark_overlaps
from sepdiar.corpora import Truth
from sepdiar.errors import SepdiarError
from sepdiar.formats.confined import opened
from sepdiar.formats.segments import TICKS, Segment, spread
from sepdiar.metrics.sides import open_audio
from sepdiar.store.disk import digest

SOUND = (".wav", ".flac", ".sph")
"""The first of these that is there is read: who unpacks a file puts a WAV beside it."""
PUNCTUATION = '.,?!;:"()'
SPELLED = re.compile(r"(?<![^\W_])((?:[^\W\d_]_)+)([^\W\d_]?)(?![^\W_])")


@dataclass(frozen=True)
class Source:
    """The channel of a file on which one speaker is heard alone."""

    speaker: str
    file: Path
    channel: int = 0


def truth(
    name: str,
    folder: Path,
    turns: Iterable[Turn],
    sources: Sequence[Source],
    recording: Path | None = None,
    notes: Sequence[str] = (),
    scored: Iterable[Span] = (),
) -> Truth:
    """The recording `name`, whose files are named from `folder`; `turns` and what is `scored` count microseconds.

    It is as long as `recording`, what a chain is given, or else as the longest of the sources; turns that begin behind its end
    are left out, and noted. SD601: the files have several rates, or somebody speaks who is heard in none.
    """
    audios = {file: open_audio(file) for file in ([recording] if recording else []) + [source.file for source in sources]}
    if not audios:
        raise lacking(f"audio of {name}", folder)
    whole = audios[recording] if recording else max(audios.values(), key=lambda audio: audio.samples)
    for file, audio in audios.items():
        if audio.rate != whole.rate:
            raise SepdiarError("SD601", f"{audio.rate} Hz, and {whole.path.name} has {whole.rate} Hz", where=str(file))
    given = list(turns)
    unheard = {turn.speaker for turn in given} - {source.speaker for source in sources}
    if unheard and not recording:
        raise SepdiarError("SD601", f"no channel for {min(unheard)}", where=name)
    tracks = tuple(_track(source, audios[source.file], whole, folder) for source in sources)
    kept = [heard for turn in given if (heard := _heard(turn, whole.rate, whole.samples))]
    if behind := len(given) - len(kept):
        notes = (*notes, f"turns that begin behind the end of the audio, left out: {behind}")
    path, sha256 = (named(recording, folder), digest(recording)) if recording else ("", "")
    channels = whole.channels if recording else 1
    about = Recording(name, path, sha256, whole.rate, whole.samples, channels, tuple(notes))
    spans = intersected((span.at_rate(TICKS, whole.rate) for span in scored), [Span(0, whole.samples)])
    return Truth(Conversation(about, mark_overlaps(kept), tracks), folder, spans)


def utterance(speaker: str, span: Span, words: Sequence[str]) -> Turn:
    """A turn in microseconds, whose words share its time by their lengths."""
    parts = spread(Segment("", speaker, span, " ".join(words)))
    return Turn(speaker, span, tuple(Word(one.words, one.span) for one in parts))


def named(file: Path, folder: Path) -> str:
    """A file from `folder`; with its whole path where it lies elsewhere."""
    return (file.relative_to(folder) if file.is_relative_to(folder) else file.absolute()).as_posix()


def sounds(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """The audio files at any depth whose names without ending match, in the order of `SOUND` and of their names."""
    for ending in SOUND:
        yield from sorted(folder.rglob(pattern + ending))


def by_stem(folder: Path, pattern: str = "*") -> dict[str, Path]:
    """The audio files at any depth by their names without ending, of several that are called alike the first."""
    return {file.stem: file for file in reversed(list(sounds(folder, pattern)))}


def spoken(text: str, not_words: Collection[str] = ()) -> list[str]:
    """The words of a text without punctuation at their ends; what is nothing else, such as a dash, is no word.

    >>> spoken('so -- "yes", th- that is', not_words=("that",))
    ['so', 'yes', 'th-', 'is']
    """
    stripped = (word.strip(PUNCTUATION) for word in text.split())
    return [word for word in stripped if word not in not_words and any(map(str.isalnum, word))]


def spelled(text: str) -> str:
    """Letters that are said one by one, in one word.

    >>> spelled("T_V_"), spelled("O_K"), spelled("up_to")
    ('TV', 'OK', 'up_to')
    """
    return SPELLED.sub(lambda letters: letters.group(1).replace("_", "") + letters.group(2), text)


def lacking(what: str, where: Path, hint: str = "") -> SepdiarError:
    """SD603 for a part of a layout that is not there."""
    return SepdiarError("SD603", f"no {what}", where=str(where), hint=hint)


def xml(file: Path) -> ElementTree.Element:
    """The root of an XML file; SD502 where it is none."""
    try:
        with opened(file) as content:
            return ElementTree.parse(content).getroot()
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the latter two: an encoding that cannot be read
        raise SepdiarError("SD502", f"no XML: {error}", where=str(file)) from error


def parsed(text: str | bytes, where: str, **how: Any) -> Any:
    """The value of a JSON text, `how` as `json.loads` takes it; SD502 where it is none, or nested too deep to be read."""
    try:
        return json.loads(text, **how)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise SepdiarError("SD502", f"no JSON: {error}", where=where) from error


def _track(source: Source, audio: Audio, whole: Audio, folder: Path) -> Track:
    if source.channel >= audio.channels:
        raise SepdiarError("SD601", f"{audio.channels} channels: none for {source.speaker}", where=str(source.file))
    span = Span(0, min(audio.samples, whole.samples))
    return Track(source.speaker, named(source.file, folder), source.channel, span, (Stretch(span, "recorded"),))


def _heard(turn: Turn, rate: int, samples: int) -> Turn | None:
    span = _until(turn.span.at_rate(TICKS, rate), samples)
    words = [replace(word, span=_until(word.span.at_rate(TICKS, rate), samples)) for word in turn.words]
    return replace(turn, span=span, words=tuple(words)) if span.start < samples else None


def _until(span: Span, samples: int) -> Span:
    return Span(min(span.start, samples), min(span.end, samples))
