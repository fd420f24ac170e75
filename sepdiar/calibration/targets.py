"""What is predicted: each error with what it is counted in, what it is predicted from, and what it was learnt of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sepdiar.asr.hearing import MESSAGES
from sepdiar.conversation import Conversation, canonical_json, merged
from sepdiar.separation.decide import Account

FOUND = frozenset({"words", *MESSAGES, *Account().facts(1), "out_of_memory", "sure", "likeness"})
"""What the stages report, and nobody set."""
ALIKE = frozenset({"speakers", "batch", "precision"})
"""What may be set otherwise: it makes no more errors."""


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


def overlap(conversation: Conversation) -> float:
    """Seconds in which several speak."""
    parts = merged(part for turn in conversation.turns for part in turn.overlap)
    return sum(map(len, parts)) / conversation.recording.rate


def words(conversation: Conversation) -> int:
    """How many were heard."""
    return sum(len(turn.words) for turn in conversation.turns)


WHO, HEARS = ("diarize", "separate"), "transcribe"
SOUND = frozenset({"disputed", "fewer", "likeness", "overlap", "separated", "sure"})
WORDS = frozenset({"confidence", "pace", *SOUND})
"""Few, since speech whose words are known is scarce; chosen by what they mean, and not by trying."""
TARGETS = {
    "der": Target("seconds", lambda value: value.recording.seconds, WHO),
    "onsets-missed": Target("turns", lambda value: float(len(value.turns)), WHO),
    "overlap-error": Target("seconds", overlap, WHO, SOUND, most=2.0),
    "cpwer": Target("words", lambda value: float(words(value)), (*WHO, HEARS), WORDS, most=2.0),
}


def made_by(conversation: Conversation) -> dict[str, list[str]]:
    """The backend and the models of the stages that decide the error, and what was set of them."""
    found = {}
    for step in conversation.provenance:
        if step.stage in (*WHO, HEARS):
            known = {key: _plain(value) for key, value in step.parameters.items() if key not in FOUND | ALIKE}
            found[step.stage] = [str(known.get("backend", "")), step.model, step.model_sha256, canonical_json(known)]
    return found


def _plain(value: Any) -> Any:
    """Numbers as one kind of number: 8 is 8.0."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
