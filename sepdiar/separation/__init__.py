"""Overlapped speech into one source a speaker: the two protocols; then one file a system.

`Blind` is for what the field calls a separator: a network that hears a mixture and gives two sources, in any order, of as
much as it can hear at once. Long recordings, other sample rates, and which source is whose are sepdiar's work (`join.py`).
`Separator` is for a system that knows by itself which source is whose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span


@runtime_checkable
class Blind(Protocol):
    """A backend author writes this class and names it under `[project.entry-points."sepdiar.separators"]`.

    `needs`, `extra`, `model`, `model_sha256` and `__init__` are as for a diarizer.
    """

    rate: int
    """The sample rate that it wants."""

    window: float
    """The most that it should hear at once, in seconds."""

    def split(self, mixtures: Samples) -> Samples:
        """Two sources of each mixture: (n, samples) into (n, 2, samples), in any order, at any level.

        Sources that add up to the mixture are used as they are; others are brought to levels at which they nearly do.
        """
        ...


class Separator(Protocol):
    """The other way to write a separator: it is told who speaks, and says which source is whose.

    `origin` says what its output is: "separated", or "mixed" where each source is the mixture as it was.
    """

    origin: str

    def separate(self, audio: Audio, stretch: Span, speakers: Sequence[str]) -> Mapping[str, Samples]:
        """What each of `speakers` says in `stretch` of `audio` (one channel, any rate): `len(stretch)` samples each.

        Each of them is active somewhere in it; the sources should add up to the audio.
        """
        ...
