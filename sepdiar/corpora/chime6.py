"""CHiME-6: dinner parties of four people at home, six arrays and a binaural headset each (Watanabe et al. 2020; CC BY-SA 4.0).

Layout of the release (openslr.org/150), and of what chime-utils makes of it for CHiME-8:

    audio/dev/S02_U01.CH1.wav       an array's microphone: what a chain is given, of the first array that is there
    audio/dev/S02_U01.CH4.wav       its other outer one: these two of all arrays, which are on one clock, are taken for one array
    audio/dev/S02_P05.wav           a headset: the speaker's track, its first channel
    transcriptions/dev/S02.json     a list of utterances: speaker, start_time and end_time ("0:01:02.50", or seconds), words
    uem/dev/all.uem                 the stretches that CHiME-8 scores, where it is there

What stands in brackets, as [laughs] or [inaudible 0:01:02], is no word. A word's time is its share of its utterance's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sepdiar.conversation import Span, Turn
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import Source, lacking, named, parsed, truth, utterance
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_text, read_uem
from sepdiar.formats.confined import no_path
from sepdiar.formats.segments import to_ticks
from sepdiar.formats.uem import Regions

ABOUT = "CHiME-6: audio/dev/S02_U01.CH1.wav and S02_P05.wav, and transcriptions/dev/S02.json"
SPLITS = ("train", "dev", "eval")
TAG = re.compile(r"\[[^\]]*\]")


def found(folder: Path) -> bool:
    """Whether a transcription is here, and audio of any array."""
    has_words = any(folder.glob("transcriptions/*/S*.json"))
    return has_words and any(folder.glob("audio/*/S*_U*.CH1.wav"))


def read(folder: Path, split: str = "") -> Iterator[Truth]:
    """The sessions by split and name; SD603 for the first that has no array."""
    for part in (split,) if split else SPLITS:
        files = sorted((folder / "transcriptions" / part).glob("S*.json"))
        if split and not files:
            raise lacking(f"transcriptions/{split}/S*.json", folder)
        uem = folder / "uem" / part / "all.uem"
        regions = read_uem(uem) if uem.is_file() else {}
        for file in files:
            yield _session(file, folder, folder / "audio" / part, regions)


def _session(file: Path, folder: Path, audio: Path, regions: Regions) -> Truth:
    name = file.stem
    arrays = sorted(audio.glob(f"{name}_U*.CH1.wav"))
    if not arrays:
        raise lacking(f"audio/{audio.name}/{name}_U01.CH1.wav", folder)
    turns = sorted(_turns(file), key=lambda turn: (turn.span, turn.speaker))
    speakers = dict.fromkeys(turn.speaker for turn in turns)
    headsets = ((speaker, audio / f"{name}_{no_path(speaker, str(file))}.wav") for speaker in sorted(speakers))
    sources = [Source(speaker, headset) for speaker, headset in headsets if headset.is_file()]
    outer = tuple(named(file, folder) for file in sorted(audio.glob(f"{name}_U*.CH[14].wav")))
    return replace(truth(name, folder, turns, sources, arrays[0], scored=regions.get(name, ())), array=outer)


def _turns(file: Path) -> Iterator[Turn]:
    rows = parsed(read_text(file), str(file))
    if not isinstance(rows, list):
        raise SepdiarError("SD502", "no list of utterances", where=str(file))
    for number, row in enumerate(rows, 1):
        where = f"{file}, utterance {number}"
        if not isinstance(row, dict) or "speaker" not in row:
            continue  # a stretch that was cut out for privacy has no speaker
        start, end = (_ticks(row, key, where) for key in ("start_time", "end_time"))
        if start < end:
            yield utterance(str(row["speaker"]), Span(start, end), TAG.sub(" ", str(row.get("words", ""))).split())


def _ticks(row: Mapping[str, Any], key: str, where: str) -> int:
    """A time as CHiME-6 ("0:01:02.50") or CHiME-8 ("62.50") writes it, in microseconds.

    >>> _ticks({"end_time": "0:01:02.50"}, "end_time", ""), _ticks({"end_time": "62.50"}, "end_time", "")
    (62500000, 62500000)
    """
    try:
        *whole, seconds = str(row[key]).split(":")
        minutes: int = sum(int(part) * 60**place for place, part in enumerate(reversed(whole)))
        return to_ticks(str(minutes * 60)) + to_ticks(seconds)
    except (KeyError, ValueError) as error:
        raise SepdiarError("SD502", f"{key}: {error}", where=where) from error
