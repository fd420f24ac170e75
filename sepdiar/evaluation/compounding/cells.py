"""Which chains are run: each stage the system's or the truth's, in every combination; other orders; and the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from sepdiar.config import Config, resolve, setting, words_to_keys
from sepdiar.errors import SepdiarError

ROLES = {"separation": "separate", "diarization": "diarize", "recognition": "transcribe"}
"""What can be the system's or the truth's, and the stage that does it."""
KNOWN = {"separate": "tracks", "diarize": "turns", "transcribe": "words"}
"""The parameter by which the oracle of a stage is told where the truth lies."""
SYSTEM, ORACLE = "system", "oracle"


@dataclass(frozen=True)
class Cell:
    """A chain: `settings` on top of what the user chose, or of a `recipe` of its own.

    `ours` are the roles that the system plays; a way, which is another order or a baseline, has none.
    """

    name: str
    about: str
    settings: Mapping[str, Any]
    ours: frozenset[str] = frozenset()
    recipe: str | None = None


@dataclass(frozen=True)
class Asked:
    """What the user chose, from which every process makes the same chains."""

    recipe: str | Path | None
    config: str | Path | None
    flags: Mapping[str, Any]

    @classmethod
    def by(cls, recipe: str | Path | None, config: str | Path | None, settings: Iterable[str], **words: Any) -> Asked:
        """Of the options that the command line and the library share."""
        return cls(recipe, config, words_to_keys(**words) | dict(map(setting, settings)))

    @property
    def chain(self) -> Config:
        """The configuration that was chosen, as it is."""
        return self._with({})

    def of(self, cell: Cell) -> Config:
        """The configuration of a cell; where it has its own recipe, only the recognizer is the user's."""
        if cell.recipe:
            kept = {key: value for key, value in self.flags.items() if key.startswith("transcribe.")}
            return resolve(cell.recipe, flags={**kept, **cell.settings})
        return self._with(cell.settings)

    def _with(self, settings: Mapping[str, Any]) -> Config:
        return resolve(self.recipe, file=Path(self.config) if self.config else None, flags={**self.flags, **settings})


def roles(config: Config) -> tuple[str, ...]:
    """The roles that a chain has; SD204 where it has not at least two that can be told apart."""
    there = tuple(
        role
        for role, stage in ROLES.items()
        if stage in config.values["chain"] and config.values.get(f"{stage}.backend") not in ("none", ORACLE)
    )
    if len(there) < 2:
        raise SepdiarError(
            "SD204", f"of separation, diarization and recognition this chain has {' and '.join(there) or 'none'}", where="chain"
        )
    return there


def cells(there: Sequence[str], truths: Path) -> Iterator[Cell]:
    """Every combination, from all of them the truth's to all the system's.

    >>> [cell.name for cell in cells(["separation", "diarization"], Path("."))]
    ['oracle', 'separation', 'diarization', 'system']
    """
    for count in range(len(there) + 1):
        for ours in combinations(there, count):
            theirs = [role for role in there if role not in ours]
            settings: dict[str, Any] = {}
            for role in theirs:
                stage = ROLES[role]
                settings |= {f"{stage}.backend": ORACLE, f"{stage}.oracle.{KNOWN[stage]}": str(truths)}
            name = ORACLE if not ours else SYSTEM if not theirs else "+".join(ours)
            yield Cell(name, "of the system: " + (", ".join(ours) or "nothing"), settings, frozenset(ours))


def ways(config: Config) -> Iterator[Cell]:
    """The same chain in another order, and what it must beat."""
    chain = list(config.values["chain"])
    if chain.index("diarize") < chain.index("separate"):
        yield Cell("separate-first", "two tracks of every second, then who speaks on them", {"chain": _swapped(chain)})
    yield Cell("separate-all", "every second separated, not the overlap alone", {"separate.everywhere": True})
    yield Cell("masking", "no separation: where several speak, each channel is the mixture", {"separate.backend": "masking"})
    yield Cell("pixit", "who speaks and what, from one network in one pass", {}, recipe="pixit")


def possible(given: Iterable[Cell], asked: Asked) -> tuple[list[Cell], list[str]]:
    """Those that can be run here, their models there, and for each of the others a line that says why not."""
    able, left_out = [], []
    for cell in given:
        try:
            for stage in asked.of(cell).pipeline().stages:
                if stage.models and stage.name != "transcribe":  # which is that of every chain
                    stage.open()
            able.append(cell)
        except SepdiarError as error:
            left_out.append(f"`{cell.name}`: {error}")
    return able, left_out


def _swapped(chain: list[str]) -> list[str]:
    first, second = chain.index("diarize"), chain.index("separate")
    chain[first], chain[second] = chain[second], chain[first]
    return chain
