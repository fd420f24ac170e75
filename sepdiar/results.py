"""What the library answers about a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sepdiar.errors import DONE, INTERRUPTED, SOME_FAILED
from sepdiar.ingredients import Ingredient
from sepdiar.store import Failure
from sepdiar.store.check import Fault


@dataclass(frozen=True)
class RunSummary:
    """What became of the inputs: done + failed + skipped + left make inputs; some are left only where it was interrupted.

    `done` counts those of earlier runs too, which are `already_done`; the seconds are of this run alone.
    """

    out: Path
    inputs: int
    done: int
    failed: int
    skipped: int
    already_done: int = 0
    audio_seconds: float = 0.0
    seconds: float = 0.0
    failures: Mapping[str, int] = field(default_factory=dict)
    """How many failed or were skipped, by code."""
    items: int = 0
    """All that are in the run, of inputs that were not given now too."""

    @property
    def left(self) -> int:
        return self.inputs - self.done - self.failed - self.skipped

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        if self.left:
            return INTERRUPTED
        return SOME_FAILED if self.failed else DONE


@dataclass(frozen=True)
class Plan:
    """What `process` would do; nothing was made or changed to find out."""

    out: Path
    chain: tuple[str, ...]
    settings: tuple[tuple[str, Any, str], ...]
    """Key, value and origin of each."""
    inputs: int
    done: int
    pending: tuple[str, ...]
    """The paths of what would be worked on."""
    ignored: tuple[Failure, ...]
    """The inputs that would not, and why."""
    bytes_needed: int
    """A guess, on the safe side."""
    bytes_free: int
    models: tuple[Ingredient, ...] = ()
    """What the chain is made of, with the licence of each, and the commands that fetch what is not here."""

    @property
    def megabytes_to_fetch(self) -> int:
        """What is known of the size of models that are not here."""
        return sum(one.megabytes for one in self.models if one.state == "absent")


@dataclass(frozen=True)
class Status:
    """Where a run stands, read from its directory; what is left was interrupted, or is being worked on by `owner`."""

    out: Path
    inputs: int
    done: int
    failed: int
    skipped: int
    failures: tuple[Failure, ...]
    """The records, of what was skipped too."""
    owner: str
    """Who works on it now, in words; empty where nobody does."""
    mixed: tuple[str, ...] = ()
    """The ids of items that another configuration made."""

    @property
    def left(self) -> int:
        return self.inputs - self.done - self.failed - self.skipped


@dataclass(frozen=True)
class Verification:
    """What does not match its checksum in a run; `repaired` are the faults that were mended."""

    out: Path
    items: int
    faults: tuple[Fault, ...]
    repaired: tuple[Fault, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return SOME_FAILED if set(self.faults) - set(self.repaired) else DONE
