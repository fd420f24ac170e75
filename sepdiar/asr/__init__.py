"""Which words, and when: the protocol; then one file a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sepdiar.audio.source import Audio
from sepdiar.conversation import Conversation, Span, Word

if TYPE_CHECKING:
    from sepdiar.asr.channel import Channel


class Recognizer(Protocol):
    """A backend author writes this class and names it under `[project.entry-points."sepdiar.recognizers"]`.

    `needs`, `extra`, `model`, `model_sha256` and `__init__` are as for a diarizer. `training_grade` is False where the
    words are too poor to train on: the run then says so. Leaks from the other channel, and words where the channel is quiet,
    are the stage's business.
    """

    rate: int
    training_grade: bool

    def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
        """The words said within `spans` of one speaker's channel, in samples of `audio` (one channel, at `rate`), in order."""
        ...


@runtime_checkable
class Attentive(Protocol):
    """A recogniser that wants to know the whole recording before it hears a channel: to find out its language, for example."""

    def of(self, conversation: Conversation, channels: Sequence[Channel]) -> Session:
        """Get ready for one recording."""
        ...


class Session(Protocol):
    """One recording in the ears of a recogniser; `facts`, complete once all channels are transcribed, go into the provenance."""

    @property
    def facts(self) -> Mapping[str, Any]: ...

    def transcribe(self, channel: Channel) -> Sequence[Word]:
        """The words said within `channel.spans`, in samples of `channel.audio`."""
        ...
