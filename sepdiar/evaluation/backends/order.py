"""What one measurement is, and what is measured: backends by the name of their row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sepdiar.evaluation.bench import order

PLAIN = "package"
FIRST = "first.flac"  # the beginning of a dialogue, which is heard before the time runs
SECONDS = 10.0  # of it


@dataclass(frozen=True)
class Backend:
    """A row: which backend, the module of ours that makes its weights, and whose versions count.

    `theirs` says that a package has a call of its own.
    """

    kind: str
    name: str
    family: str
    packages: tuple[str, ...] = ("torch",)
    theirs: bool = True

    @property
    def ways(self) -> tuple[str, ...]:
        """How it is called."""
        return (order.OURS, PLAIN) if self.theirs else (order.OURS,)

    @property
    def home(self) -> Any:
        """The module with `publish` and, where a package has a call of its own, `theirs`."""
        return import_module(f"sepdiar.evaluation.backends.{self.family}")


PYANNOTE, NEMO = ("pyannote.audio", "torch"), ("nemo_toolkit", "torch")
BACKENDS: Mapping[str, Backend] = {
    "compact": Backend("diarizer", "compact", "own", theirs=False),
    "eend-eda": Backend("diarizer", "eend-eda", "own", theirs=False),
    "mfcc": Backend("diarizer", "mfcc", "own", ("numpy",), theirs=False),
    "nemo-clustering": Backend("diarizer", "nemo-clustering", "nemo", NEMO, theirs=False),
    "pyannote-3.1": Backend("diarizer", "pyannote", "pyannote", PYANNOTE),
    "pyannote-community-1": Backend("diarizer", "pyannote", "pyannote", PYANNOTE),
    "sortformer": Backend("diarizer", "sortformer", "nemo", NEMO),
    "canary": Backend("recognizer", "canary", "nemo", NEMO),
    "parakeet": Backend("recognizer", "parakeet", "nemo", NEMO),
    "pocketsphinx": Backend("recognizer", "pocketsphinx", "sphinx", ("pocketsphinx",)),
    "whisper": Backend("recognizer", "whisper", "whisper", ("faster-whisper", "ctranslate2")),
}


@dataclass(frozen=True)
class Order(order.Order):
    """One cell: a row, a way to call it, the minutes of a dialogue, and how it computes."""

    backend: str
    way: str
    minutes: float
    device: str = "cpu"
    threads: int = 1
