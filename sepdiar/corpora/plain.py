"""The layout that anybody can make: a recording of two or more channels, one speaker a channel, turns and words beside it.

    talk.wav (or .flac, .sph)           one speaker a channel
    talk.rttm                           turns; or
    talk.stm, talk.seglst.json          turns with words: a word's time is its share of its turn's; or
    talk.ctm                            words with times: those of a speaker that are less than half a second apart are one turn

Beside turns in talk.rttm, the words of the first of talk.ctm, talk.seglst.json and talk.stm that is there are read too, each into
the turn of its speaker in which its middle lies; those that lie in none are left out, and that is noted.

Whose channel is which is told by the names of the speakers (of a CTM: its column of channels). Where all are numbers from 1 to
the number of channels, or letters from A, they name the channel: 1 and A are the first, 2 and B the second. Otherwise there has
to be a channel for each name, and they have them in the order of the alphabet. Text is taken as it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sepdiar.conversation import Span, Turn, Word
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import Source, lacking, sounds, truth, utterance
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_segments
from sepdiar.formats.segments import TICKS, Segment, spread
from sepdiar.metrics.sides import open_audio

ABOUT = "NAME.wav (or .flac) with one speaker a channel, beside NAME.rttm, NAME.ctm, NAME.seglst.json or NAME.stm"
TURNS, WORDS = ".rttm", (".ctm", ".seglst.json", ".stm")
PAUSE = TICKS // 2


def found(folder: Path) -> bool:
    """Whether any recording lies beside its truth."""
    return any(_beside(file) for file in sounds(folder))


def read(folder: Path) -> Iterator[Truth]:
    """The recordings of several channels, by name."""
    recordings: dict[Path, Path] = {}
    for file in sounds(folder):
        recordings.setdefault(file.with_suffix(""), file)
    for stem, file in sorted(recordings.items()):
        channels, files = open_audio(file).channels, _beside(file)
        if channels == 1 and files:
            raise SepdiarError("SD601", "one channel, and each speaker needs one", where=str(file))
        if channels == 1:
            continue  # a mixture, or whatever else lies there
        if not files:
            raise lacking(
                f"{file.stem}{TURNS}, {' or '.join(file.stem + ending for ending in WORDS)}", file.parent, f"Expected: {ABOUT}"
            )
        turns, notes = _turns(files, file, channels)
        names = {channel: turn.speaker for channel, turn in turns}
        sources = [Source(names.get(channel, str(channel + 1)), file, channel) for channel in range(channels)]
        name = stem.relative_to(folder).as_posix().replace("/", "-")
        yield truth(name, folder, [turn for _, turn in turns], sources, notes=notes)


def _beside(file: Path) -> dict[str, Path]:
    files = {ending: file.with_name(file.stem + ending) for ending in (TURNS, *WORDS)}
    return {ending: other for ending, other in files.items() if other.is_file()}


def _turns(files: Mapping[str, Path], audio: Path, channels: int) -> tuple[list[tuple[int, Turn]], Sequence[str]]:
    """The turns, each with its channel."""
    ending = next((ending for ending in WORDS if ending in files), "")
    words = _placed(files[ending], audio, channels) if ending else []
    if TURNS in files:
        turns = [(channel, Turn(one.speaker, one.span)) for channel, one in _placed(files[TURNS], audio, channels)]
        parts = [(channel, part) for channel, one in words for part in spread(one)]
        return _filled(turns, parts)
    if ending == ".ctm":
        return list(_joined(words)), ()
    return [(channel, utterance(one.speaker, one.span, one.words.split())) for channel, one in words], ()


def _placed(file: Path, audio: Path, channels: int) -> list[tuple[int, Segment]]:
    """The segments of a file, each with the channel of its speaker."""
    segments = read_segments(file)
    if len({one.session for one in segments}) > 1:
        segments = tuple(one for one in segments if one.session == audio.stem)
    names = sorted({one.speaker for one in segments})
    place = {name: channel for name in names if (channel := _channel(name)) is not None and channel < channels}
    if len(place) < len(names):
        if len(names) != channels:
            what = f"{channels} channels, and {len(names)} speakers ({', '.join(names)}) that are not called 1, 2 … or A, B …"
            raise SepdiarError("SD601", what, where=str(file))
        place = {name: channel for channel, name in enumerate(names)}
    return [(place[one.speaker], one) for one in segments]


def _channel(name: str) -> int | None:
    if name.isdecimal() and int(name) > 0:
        return int(name) - 1
    return ord(name) - ord("A") if len(name) == 1 and "A" <= name <= "Z" else None


def _filled(turns: list[tuple[int, Turn]], words: Iterable[tuple[int, Segment]]) -> tuple[list[tuple[int, Turn]], Sequence[str]]:
    ordered = sorted(turns, key=lambda one: (one[0], one[1].span))
    starts = [(channel, turn.span.start) for channel, turn in ordered]
    held: list[list[Word]] = [[] for _ in ordered]
    outside = 0
    for channel, word in words:
        middle = (word.span.start + word.span.end) // 2
        number = bisect_right(starts, (channel, middle)) - 1
        if number < 0 or ordered[number][0] != channel or ordered[number][1].span.end < middle:
            outside += 1
        else:
            held[number].append(Word(word.words, word.span, word.confidence))
    made = [(channel, replace(turn, words=tuple(own))) for (channel, turn), own in zip(ordered, held, strict=True)]
    return made, [f"words that lie in no turn of their speaker, left out: {outside}"] if outside else []


def _joined(words: Iterable[tuple[int, Segment]]) -> Iterator[tuple[int, Turn]]:
    by_channel: dict[int, list[Segment]] = {}
    for channel, one in sorted(words, key=lambda placed: (placed[0], placed[1].span)):
        by_channel.setdefault(channel, []).append(one)
    for channel, own in by_channel.items():
        first = 0
        for number in range(1, len(own) + 1):
            if number == len(own) or own[number].span.start - own[number - 1].span.end >= PAUSE:
                part = own[first:number]
                span = Span(part[0].span.start, max(one.span.end for one in part))
                yield channel, Turn(part[0].speaker, span, tuple(Word(one.words, one.span, one.confidence) for one in part))
                first = number
