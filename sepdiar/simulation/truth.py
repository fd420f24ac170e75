"""The truth of a dialogue: its value, and the files in which other tools read it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sepdiar.conversation import Conversation, Provenance, Recording, Span, Stretch, Track, Turn, merged
from sepdiar.formats import rttm, seglst, stm
from sepdiar.formats.segments import of_conversation

FILES = {
    "mixture": "mixture.flac",
    "channels": "channels.flac",
    "conversation": "conversation.json",
    "rttm": "truth.rttm",
    "stm": "truth.stm",
    "seglst": "truth.seglst.json",
}


def truth_of(
    folder: Path, rate: int, samples: int, names: Sequence[str], turns: Sequence[Turn], provenance: Provenance
) -> Conversation:
    """The dialogue whose audio lies in `folder`: one track a speaker, recorded from begin to end."""
    whole = Span(0, samples)
    channels = sha256(folder / FILES["channels"])
    tracks = tuple(
        Track(name, FILES["channels"], channel, whole, (Stretch(whole, "recorded"),), channels)
        for channel, name in enumerate(names)
    )
    recording = Recording(folder.name, FILES["mixture"], sha256(folder / FILES["mixture"]), rate, samples, 1)
    return Conversation(recording, tuple(turns), tracks, provenance=(provenance,))


def write_truth(folder: Path, truth: Conversation) -> dict[str, Any]:
    """Write the value and the scoring files; returns the dialogue's line of manifest.jsonl, with files from the folder above."""
    segments = of_conversation(truth)
    texts = {"conversation": truth.to_json() + "\n"}
    texts |= {"rttm": rttm.dumps(segments), "stm": stm.dumps(segments), "seglst": seglst.dumps(segments)}
    for kind, text in texts.items():
        (folder / FILES[kind]).write_text(text, encoding="utf-8")
    recording = truth.recording
    facts = {
        "id": recording.id,
        "rate": recording.rate,
        "seconds": recording.seconds,
        "speakers": [track.speaker for track in truth.tracks],
    }
    return {**facts, **{kind: f"{folder.name}/{name}" for kind, name in FILES.items()}}


def speech_time(turns: Sequence[Turn]) -> int:
    """Samples in which anybody speaks."""
    return sum(map(len, merged(turn.span for turn in turns)))


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
