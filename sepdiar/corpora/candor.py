"""CANDOR: video calls of half an hour between strangers (Reece et al. 2023; on request from BetterUp, CANDOR Corpus License).

A folder for each conversation, which its name calls:

    ID/processed/ID.mp3 (or .wav, .flac)         both speakers, left and right: the tracks
    ID/processed/channel_map.json                {"L": speaker, "R": speaker}; metadata.json says the same
    ID/processed/SPEAKER.wav (or .flac, .mp3)    instead, a file for each speaker, taken out of the videos
    ID/transcription/transcript_audiophile.csv   speaker, start, stop, utterance (and more, which is not read)

Of the three transcripts the first that is there is read: audiophile (a turn is what one says until the other speaks), backbiter
(with backchannels in columns of their own, each a turn here), cliffhanger. They are by machine (AWS Transcribe), not by people:
what they missed is missed here. A word's time is its share of its turn's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sepdiar.conversation import Span, Turn
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import SOUND, Source, lacking, parsed, spoken, truth, utterance
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_text
from sepdiar.formats.confined import no_path
from sepdiar.formats.segments import to_ticks
from sepdiar.metrics.sides import open_audio

ABOUT = "CANDOR: a folder a conversation, with processed/ID.mp3, processed/channel_map.json, transcription/transcript_….csv"
TRANSCRIPTS = ("transcript_audiophile.csv", "transcript_backbiter.csv", "transcript_cliffhanger.csv")
SPOKEN = (
    ("speaker", "start", "stop", "utterance"),
    ("backchannel_speaker", "backchannel_start", "backchannel_stop", "backchannel"),
)
SIDES = ("L", "R")
NONE = ("", "NA", "nan")


def found(folder: Path) -> bool:
    """Whether the transcript of any conversation is here."""
    return any(folder.rglob("transcription/transcript_*.csv"))


def read(folder: Path) -> Iterator[Truth]:
    """The conversations, by the names of their folders."""
    for place in sorted({file.parent.parent for file in folder.rglob("transcription/transcript_*.csv")}):
        transcript = next((file for name in TRANSCRIPTS if (file := place / "transcription" / name).is_file()), None)
        if transcript is None:
            raise lacking(f"{', '.join(TRANSCRIPTS[:2])} or {TRANSCRIPTS[2]}", place / "transcription")
        turns = list(_turns(transcript))
        yield truth(place.name, folder, turns, _sources(place, sorted({turn.speaker for turn in turns})))


def _turns(file: Path) -> Iterator[Turn]:
    rows = csv.DictReader(io.StringIO(read_text(file), newline=""))
    try:
        for row in rows:
            for columns in SPOKEN:
                speaker, start, end, text = (row.get(name) or "" for name in columns)
                if start in NONE and columns != SPOKEN[0]:
                    continue
                begin, stop = to_ticks(start), to_ticks(end)
                if (words := spoken(text)) and stop > begin:
                    yield utterance(speaker.strip(), Span(begin, stop), words)
    except (csv.Error, ValueError) as error:
        what = f"{error}; expected: columns {', '.join(SPOKEN[0])}"
        raise SepdiarError("SD502", what, where=f"{file}, line {rows.line_num}") from error


def _sources(place: Path, speakers: Sequence[str]) -> Sequence[Source]:
    both = _sound(place, place.name)
    if both and open_audio(both).channels == len(SIDES):
        sides = _sides(place)
        return [Source(sides[side], both, channel) for channel, side in enumerate(SIDES)]
    own = [(speaker, _sound(place, no_path(speaker, str(place / "transcription")))) for speaker in speakers]
    if missing := [speaker for speaker, file in own if file is None]:
        video = place / "processed" / f"{missing[0]}.mp4"
        raise lacking(
            f"processed/{place.name}.mp3 of two channels, and no processed/{missing[0]}.wav",
            place,
            hint=f"Take the sound out of the speakers' videos: ffmpeg -i {video} -vn {video.with_suffix('.wav')}",
        )
    return [Source(speaker, file) for speaker, file in own if file]


def _sound(place: Path, stem: str) -> Path | None:
    files = (place / "processed" / (stem + ending) for ending in (*SOUND, ".mp3"))
    return next((file for file in files if file.is_file()), None)


def _sides(place: Path) -> Mapping[str, str]:
    """Who is left and who is right."""
    written, about = place / "processed" / "channel_map.json", place / "metadata.json"
    if written.is_file():
        sides = _json(written)
    elif about.is_file():
        people = _json(about).get("speakers")
        named = [person for person in people if isinstance(person, dict)] if isinstance(people, list) else []
        sides = {str(person.get("channel")): person.get("user_id") for person in named}
    else:
        raise lacking("processed/channel_map.json (nor metadata.json), which says who is left and who is right", place)
    if not all(isinstance(sides.get(side), str) for side in SIDES):
        raise SepdiarError(
            "SD502", 'it does not say who is "L" and who is "R"', where=str(written if written.is_file() else about)
        )
    return {side: str(sides[side]) for side in SIDES}


def _json(file: Path) -> dict[str, object]:
    value = parsed(read_text(file), str(file))
    return value if isinstance(value, dict) else {}
