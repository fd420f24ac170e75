"""The baseline that separation must beat: activity masks alone, the recipe of Moshi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span


class Masking:
    """No separation: where several speak, each source is the mixture, and everybody is heard in it."""

    origin = "mixed"
    uses = ()

    def separate(self, audio: Audio, stretch: Span, speakers: Sequence[str]) -> Mapping[str, Samples]:
        """The mixture once a speaker: `len(stretch)` samples each."""
        mixture = audio.read(stretch)[:, 0]
        return dict.fromkeys(speakers, mixture)
