"""Who speaks when: the protocol; then one file a system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from sepdiar.audio.source import Audio
from sepdiar.conversation import Turn
from sepdiar.separation import Separator


class Diarizer(Protocol):
    """A backend author writes this class and names it under `[project.entry-points."sepdiar.diarizers"]`.

    The class may name `needs` (packages to import, checked before it is made; or a function that takes the parameters and says
    which), `uses` (the names of the cards of its models, or a function as for `needs`; without it, what its parameters `model`,
    `path` and `voice` say), `extra` (which of sepdiar's extras brings them; or `mend`, a whole command that does), `model` and
    `model_sha256` (kept in the provenance), and `hears_overlap = False` if it gives each moment to one speaker only, so that
    nobody takes its silence on overlap for a measurement. Its `__init__` takes the parameters of the recipe's table
    `[diarize.NAME]` as keywords, and loads what it needs. A class with a method `of(recording)` is asked that first, and what it
    gives diarizes the recording: for turns that are looked up.
    """

    rate: int
    """The sample rate that it wants; the stage resamples for it."""

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, at `rate`), any labels, turns may overlap.

        `speakers` is their number where it is known. The same audio must always give the same turns.
        """
        ...


class Joint(Diarizer, Protocol):
    """A diarizer whose network separates at once: a chain may take its sources too, and needs no separator then."""

    def hear(self, audio: Audio, speakers: int | None, kept: Path) -> tuple[Sequence[Turn], Separator]:
        """The turns that `diarize` gives, and from the same pass what knows the source of each speaker in them.

        `kept` is a file for what must be kept until then. The separator is asked in samples of the recording, at its own rate.
        """
        ...
