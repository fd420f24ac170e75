"""Where recordings become items: the protocol; then one file an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sepdiar.config import Config
from sepdiar.events import Listener
from sepdiar.store import Failure, Store, Work


@dataclass(frozen=True)
class Job:
    """One recording to be worked on, its `path` as the user wrote it.

    `stamp` is its size and time of modification when `sha256` was taken.
    """

    id: str
    path: str
    sha256: str
    file: Path
    stamp: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name of the file: all that an item or a failure tells of where its recording lay."""
        return self.file.name


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
    """Runs jobs, in any order and anywhere, `workers` at a time; whoever iterates commits the outcomes, one after the other."""

    workers: int

    def load(self, config: Config, store: Store, listen: Listener) -> None:
        """Load the chain once, before anything is written into a new run; `SepdiarError` where this machine cannot."""
        ...

    def run(self, config: Config, jobs: Iterable[Job | None], store: Store, listen: Listener, stop: Stop) -> Iterator[Outcome]:
        """Each job's outcome once, as it comes; fewer where `stop` asks to end. None among the jobs: the next is not known yet.

        A job whose worker dies is tried three times in all (SD902). A disk that refuses, or a machine that cannot do what
        the configuration asks, raises `SepdiarError` and ends the run.
        """
        ...
