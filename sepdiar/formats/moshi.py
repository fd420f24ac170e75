"""What moshi-finetune reads: a manifest of two-channel files, and beside each its words.

Channel 0 is the speaker that the model will be, and its words are labelled SPEAKER_MAIN: the text stream of the model is
made of those alone. The words of channel 1 are kept under another label: the trainer drops them by default, and where it
is told to mark changes of turn it needs them, under any label but that one.
"""

from __future__ import annotations

import os
from pathlib import Path

import soundfile

from sepdiar.conversation import Conversation, Span, canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.store.items import whole

MANIFEST = "data.jsonl"
LABELS = ("SPEAKER_MAIN", "SPEAKER_USER")  # of the words of channel 0 and channel 1
Alignment = tuple[str, tuple[float, float], str]


def sidecar(conversation: Conversation, file: str) -> str:
    """The words of one dialogue, `file` of the conversation's tracks, as its JSON sidecar: by start, in seconds of that file.

    A word that reaches over an edge of the dialogue belongs to it where its middle does, and is cut at the edge.
    """
    rate = conversation.recording.rate
    alignments: list[Alignment] = []
    for track in conversation.tracks:
        if track.file != file:
            continue
        for word in (word for turn in conversation.turns if turn.speaker == track.speaker for word in turn.words):
            middle, text = (word.span.start + word.span.end) // 2, word.text.strip()
            heard = word.span & track.span
            if text and heard and track.span.start <= middle < track.span.end:
                alignments.append((text, _seconds(heard.shift(-track.span.start), rate), LABELS[track.channel]))
    return canonical_json({"alignments": sorted(alignments, key=lambda row: (row[1], row[2], row[0]))}) + "\n"


def manifest(run: Path) -> str:
    """The lines of `data.jsonl` for what is in a run's items; durations are those that the FLAC headers say.

    SD306 names an item whose header has rotted.
    """
    lines = []
    for audio in (audio for item in whole(run) for audio in sorted(item.glob("dialogue-*.flac"))):
        try:
            info = soundfile.info(os.fsencode(audio))
        except soundfile.LibsndfileError as error:
            raise SepdiarError("SD306", str(error), where=str(audio)) from error
        lines.append({"path": audio.relative_to(run).as_posix(), "duration": info.frames / info.samplerate})
    return "".join(canonical_json(line) + "\n" for line in lines)


def _seconds(span: Span, rate: int) -> tuple[float, float]:
    return round(span.start / rate, 6), round(span.end / rate, 6)
