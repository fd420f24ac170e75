"""Which words, and when: the protocol; then one file a system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sepdiar.audio.source import Audio
from sepdiar.conversation import Span, Word


class Recognizer(Protocol):
    """A backend author writes this class and names it under `[project.entry-points."sepdiar.recognizers"]`.

    `needs`, `extra`, `model`, `model_sha256` and `__init__` are as for a diarizer. `training_grade` is False where the
    words are too poor to train on: the run then says so.
    """

    rate: int
    training_grade: bool

    def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
        """The words said within `spans` of one speaker's channel, in samples of `audio` (one channel, at `rate`), in order."""
        ...
