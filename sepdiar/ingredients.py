"""What a chain is made of: its models with their licences, what of them is not here yet, and what a use rules out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sepdiar.errors import SepdiarError
from sepdiar.models import cards

if TYPE_CHECKING:
    from sepdiar.pipeline import Stage

USES = ("", "research", "commercial")
PERMIT = frozenset(
    {
        "Apache-2.0",
        "MIT",
        "ISC",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC-BY-SA-3.0",
        "CC-BY-SA-4.0",
    }
)
"""SPDX identifiers of licences that permit commercial use; whatever else stands in a card is not known to."""


@dataclass(frozen=True)
class Ingredient:
    """A model of a chain, which backend of which stage loads it, and its licence; `model` is "" where that is not told."""

    stage: str
    backend: str
    model: str
    licence: str = ""
    state: str = "unknown"
    """As in `sepdiar models list`; "unknown" where it has no card."""
    megabytes: int = 0
    """To fetch; 0 where that is not known."""
    gated: bool = False
    mend: str = ""

    @property
    def commercial(self) -> bool:
        """Whether its licence is known to permit commercial use."""
        return self.licence in PERMIT

    @property
    def reason(self) -> str:
        """Why it is refused where only what is known to be permitted will do."""
        key = f"{self.stage}.backend = {self.backend!r}"
        if self.licence:
            word = "forbids" if "-NC" in self.licence.upper() else "is not known to permit"
            return f"the licence of {self.model} ({key}) is {self.licence!r}, which {word} it"
        if self.model:
            return f"{self.model} ({key}) has no card with a licence"
        return f"{key} does not say which models it uses, and so no licence is known"


def of(stages: Iterable[Stage]) -> tuple[Ingredient, ...]:
    """Every model that these stages load, with the models that a card names as its parts."""
    return tuple(one for stage in stages for model in stage.models for one in _one(stage.name, _backend(stage), model))


def refuse(ingredients: Iterable[Ingredient], use: str) -> None:
    """SD208 where a model's licence forbids that use, or is not known to permit it; only "commercial" asks for so much."""
    if use not in USES:
        raise SepdiarError("SD202", f'one of {", ".join(USES[1:])} or "", not {use!r}', where="use")
    if use == "commercial" and (bad := [one.reason for one in ingredients if not one.commercial]):
        raise SepdiarError("SD208", "; ".join(dict.fromkeys(bad)), where=f'use = "{use}"')


def lacking(stages: Iterable[Stage]) -> tuple[str, ...]:
    """The commands that bring what these stages need and this machine lacks, in order."""
    commands: dict[str, None] = {}
    for stage in stages:
        try:
            stage.check()
        except SepdiarError as error:
            commands[error.hint] = None
            if error.code == "SD201":
                continue
        commands |= dict.fromkeys(one.mend for one in of([stage]) if one.mend)
    return tuple(commands)


def _one(stage: str, backend: str, model: str) -> Iterator[Ingredient]:
    from sepdiar.models import state

    name = next((name for name in (model, f"{backend}-{model}") if model and cards.home(name)), "")
    if not name:
        yield Ingredient(stage, backend, Path(model).name)
        return
    card = cards.card(name)
    known = state.of(card)
    if card.public or "parts" not in card.facts:
        size = card.public.to_fetch if card.public else 0
        yield Ingredient(stage, backend, name, known.licence, known.state, size, known.gated, known.mend)
    for part in card.facts.get("parts", ()):
        yield from _one(stage, backend, str(part))


def _backend(stage: Stage) -> str:
    return str(getattr(stage, "backend", ""))
