"""What is predicted: each error with what it is counted in, what it is predicted from, and what it was learnt of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sepdiar.asr.hearing import MESSAGES
from sepdiar.conversation import Conversation, canonical_json

COUNTED = frozenset({"words", *MESSAGES})
"""What the recogniser's stage reports, and nobody set."""


@dataclass(frozen=True)
class Target:
    """An error. `stages` are those that have to be the calibration's; `features` those that tell of it, all if none is named."""

    unit: str
    weight: Callable[[Conversation], float]
    stages: tuple[str, ...]
    features: frozenset[str] = frozenset()
    most: float = 1.0

    def of(self, features: Mapping[str, float]) -> dict[str, float]:
        """Of a conversation's features those that this error is predicted from."""
        return {name: value for name, value in features.items() if not self.features or name in self.features}


WHO, HEARS = ("diarize", "separate"), "transcribe"
WORDS = frozenset({"confidence", "disputed", "fewer", "likeness", "overlap", "pace", "sure"})
"""Few, since speech whose words are known is scarce; chosen by what they mean, and not by trying."""
TARGETS = {
    "der": Target("seconds", lambda value: value.recording.seconds, WHO),
    "onsets-missed": Target("turns", lambda value: float(len(value.turns)), WHO),
    "cpwer": Target("words", lambda value: float(words(value)), (*WHO, HEARS), WORDS, most=2.0),
}


def words(conversation: Conversation) -> int:
    """How many were heard."""
    return sum(len(turn.words) for turn in conversation.turns)


def made_by(conversation: Conversation) -> dict[str, list[str]]:
    """The backend and the models of the stages that decide the error, and what was set of the recogniser."""
    found = {}
    for step in conversation.provenance:
        if step.stage not in (*WHO, HEARS):
            continue
        known = step.parameters
        found[step.stage] = [str(known.get("backend", "")), step.model, step.model_sha256]
        if step.stage == HEARS:
            found[step.stage].append(canonical_json({key: known[key] for key in known if key not in COUNTED}))
    return found
