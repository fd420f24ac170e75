"""Where recordings become items: the protocol; then one file an engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sepdiar.config import Config
from sepdiar.events import Listener
from sepdiar.store import Failure, Store, Work


@dataclass(frozen=True)
class Job:
    """One recording to be worked on; `stamp` is its size and time of modification when `sha256` was taken."""

    id: str
    path: str
    sha256: str
    file: Path
    stamp: tuple[int, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a sealed item in `work`, ready to be committed, or a failure."""

    job: Job
    work: Work | None = None
    failure: Failure | None = None
    seconds: float = 0.0
    audio_seconds: float = 0.0


class Stop:
    """How a run is told to end early: `drain` lets running recordings finish, `now` does not."""

    drain = False
    now = False


class Engine(Protocol):
    """Runs jobs, in any order and anywhere; whoever iterates commits the outcomes, one after the other."""

    def load(self, config: Config, store: Store, listen: Listener) -> None:
        """Load the chain once, before anything is written into a new run; `SepdiarError` where this machine cannot."""
        ...

    def run(self, config: Config, jobs: Sequence[Job], store: Store, listen: Listener, stop: Stop) -> Iterator[Outcome]:
        """Each job's outcome once, as it comes; fewer where `stop` asks to end.

        A job whose worker dies is tried three times in all (SD902). A disk that refuses, or a machine that cannot do what
        the configuration asks, raises `SepdiarError` and ends the run.
        """
        ...
