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
    channels = _sha256(folder / FILES["channels"])
    tracks = tuple(
        Track(name, FILES["channels"], channel, whole, (Stretch(whole, "recorded"),), channels)
        for channel, name in enumerate(names)
    )
    recording = Recording(folder.name, FILES["mixture"], _sha256(folder / FILES["mixture"]), rate, samples, 1)
    return Conversation(recording, tuple(turns), tracks, provenance=(provenance,))


def write_truth(folder: Path, truth: Conversation) -> dict[str, Any]:
    """Write the value and the scoring files; returns the dialogue's line of manifest.jsonl, files relative to the folder above."""
    segments = of_conversation(truth)
    (folder / FILES["conversation"]).write_text(truth.to_json() + "\n")
    (folder / FILES["rttm"]).write_text(rttm.dumps(segments))
    (folder / FILES["stm"]).write_text(stm.dumps(segments))
    (folder / FILES["seglst"]).write_text(seglst.dumps(segments))
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
