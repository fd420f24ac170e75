"""What a finished conversation tells of how hard it was: numbers that need no truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sepdiar.conversation import Conversation, merged
from sepdiar.formats.segments import speech
from sepdiar.metrics.judge import judge

SHORT = 0.5  # seconds


def features(conversation: Conversation) -> dict[str, float]:
    """Those that this chain leaves, by name; one that it does not leave is missing.

    overlap, turns, crossed: as the stage `judge` counts them · short: turns below half a second · fewer: the speech of whoever
    speaks least, of all · speakers: how many · sure: how near to yes or no the diarizer's windows are, taken together · likeness:
    of the two voices that are most alike · disputed, undecided: windows of the separator with evidence against what was decided,
    and with none at all · separated: how far its sources lie apart · confidence: the recogniser's, of a word · pace:
    words heard a second of speech
    """
    told = {score.name: score.value for score in judge(conversation)}
    known = {step.stage: step.parameters for step in conversation.provenance}
    rate, turns = conversation.recording.rate, conversation.turns
    words = sum(len(turn.words) for turn in turns)
    spoken = [sum(map(len, spans)) for spans in speech(turns).values()]
    found: dict[str, Any] = {
        "overlap": told.get("overlap"),
        "turns": told.get("turns"),
        "crossed": told.get("overlapped-transfers"),
        "confidence": told.get("confidence"),
        "pace": words * rate / sum(map(len, merged(turn.span for turn in turns))) if words else None,
        "short": sum(len(turn.span) < SHORT * rate for turn in turns) / len(turns) if turns else None,
        "fewer": min(spoken) / sum(spoken) if spoken else None,
        "speakers": len(spoken),
        **{name: known.get("diarize", {}).get(name) for name in ("sure", "likeness")},
        **_windows(known.get("separate", {})),
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def _windows(account: Mapping[str, Any]) -> dict[str, float]:
    windows = account.get("windows")
    if not windows:
        return {"disputed": 0.0, "undecided": 0.0, "separated": 1.0} if windows == 0 else {}
    known = {"disputed": account["disputed"] / windows, "undecided": account["decided_by"]["nothing"] / windows}
    return {**known, "separated": account["separated"]} if "separated" in account else known
