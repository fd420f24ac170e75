"""A pipeline is a list of stages; `check` refuses a chain that cannot work before anything is loaded."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sepdiar.conversation import Conversation, Provenance, canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener, silence

if TYPE_CHECKING:
    from sepdiar.audio.source import Audio


@dataclass(frozen=True)
class Sources:
    """What a separator made of the overlapped stretches: `audio` by speaker, on the clock and at the rate of the recording.

    It means nothing outside those stretches, unless it was made `everywhere`. `origin` is the separator's: "separated", or
    "mixed" where each source is the mixture as it was. Separated before anybody knows who speaks, it is `nameless`: tracks
    of the whole recording, which are no speaker's before they are diarized.
    """

    origin: str
    audio: Mapping[str, Audio]
    everywhere: bool = False
    nameless: bool = False


@dataclass(frozen=True)
class Take:
    """One recording on its way through the chain: the value, and the audio beside it.

    `file` is what came in, and only `decode` opens it. `item` is the folder whose files will be kept; `scratch` is emptied
    afterwards. `audio` has one channel, or two where the recording already has one speaker a channel.
    """

    conversation: Conversation
    file: Path
    item: Path
    scratch: Path
    audio: Audio | None = None
    sources: Sources | None = None

    @property
    def sound(self) -> Audio:
        """The audio, for stages behind `decode`."""
        if self.audio is None:
            raise SepdiarError("SD204", "this stage needs audio, and nothing was decoded")
        return self.audio

    def with_value(self, **changes: Any) -> Take:
        """The same take with parts of the conversation replaced."""
        return replace(self, conversation=replace(self.conversation, **changes))


class Stage(ABC):
    """One step. Stages are made once a worker and run once a recording; between recordings they keep nothing."""

    name: ClassVar[str]
    requires: ClassVar[frozenset[str]]
    provides: ClassVar[frozenset[str]]

    @abstractmethod
    def run(self, take: Take, emit: Listener) -> Take:
        """The take with what this stage provides; a `SepdiarError` where the recording cannot be used."""

    packages: tuple[str, ...] = ()
    """What it imports beside our own: their versions belong to the configuration."""

    models: tuple[str, ...] = ()
    """What it loads, by the names of cards; a path where a file is named instead, "" where a backend does not say."""

    device: str = "cpu"
    """Where it computes."""

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that its code is in."""
        return (type(self).__module__,)

    def check(self) -> None:  # noqa: B027 - nothing to check is a fine default
        """Refuse, before anything is loaded, what this machine cannot do (SD201, SD250, SD251, SD253)."""

    def open(self) -> None:  # noqa: B027 - nothing to load is a fine default
        """Load models, once, before the first recording."""

    def provenance(self) -> Provenance | None:
        """What made the result, or None where the stage only copies."""
        return None


@dataclass(frozen=True)
class Pipeline:
    """Stages in their order."""

    stages: Sequence[Stage]

    def check(self, wanted: Set[str] = frozenset()) -> None:
        """Refuse what this machine cannot run, and a chain in which a stage lacks what it needs, or we what is wanted (SD204)."""
        known = {"file"}
        for stage in self.stages:
            stage.check()
            if missing := stage.requires - known:
                raise SepdiarError(
                    "SD204", f"{stage.name} needs {' and '.join(sorted(missing))}, and no stage before it provides that"
                )
            known |= stage.provides
        if lacking := wanted - known:
            raise SepdiarError("SD204", f"{' and '.join(sorted(lacking))} are wanted of it, and no stage provides that")

    def open(self) -> None:
        """Load the models of every stage."""
        for stage in self.stages:
            stage.open()

    def run(self, take: Take, emit: Listener = silence) -> Take:
        """One recording through every stage; each leaves its provenance in the value."""
        recording = take.conversation.recording.id
        for stage in self.stages:
            began = time.perf_counter()
            emit(Event("stage.started", recording, {"stage": stage.name}))
            take = stage.run(take, emit)
            if made := stage.provenance():
                take = take.with_value(provenance=(*take.conversation.provenance, made))
            facts = {"stage": stage.name, "seconds": time.perf_counter() - began}
            emit(Event("stage.finished", recording, {**facts, "audio_seconds": take.conversation.recording.seconds}))
        return take


def fingerprint(facts: Mapping[str, Any]) -> str:
    """The name of a configuration: equal for equal facts, whatever their order."""
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()
