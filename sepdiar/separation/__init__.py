"""Overlapped speech into one source a speaker: the protocol; then one file a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span


class Separator(Protocol):
    """A backend author writes this class and names it under `[project.entry-points."sepdiar.separators"]`.

    `needs`, `extra`, `model`, `model_sha256` and `__init__` are as for a diarizer. `origin` says what its output is:
    "separated", or "mixed" where each source is the mixture as it was.
    """

    origin: str

    def separate(self, audio: Audio, stretch: Span, speakers: Sequence[str]) -> Mapping[str, Samples]:
        """What each of `speakers` says in `stretch` of `audio` (one channel, any rate): `len(stretch)` samples each.

        Each of them is active somewhere in it; the sources should add up to the audio.
        """
        ...
