"""What code and which weights a chain is made of, by hash: an edited checkout, or other weights, are another configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sepdiar.models import cards, shelf
from sepdiar.store.disk import digest, tree_sha256

if TYPE_CHECKING:
    from sepdiar.pipeline import Stage

OURS = "sepdiar"
NEVER_IN_A_CHAIN = frozenset(
    {"benchmarks", "cards", "cli", "evaluation", "recipes", "reporting", "simulation", "testing", "training"}
)
"""Rooms of sepdiar that no stage imports: to edit them changes no item. (A recipe is in the configuration as settings.)"""
SOURCES = frozenset({".py", ".json"})


def code(stages: Iterable[Stage]) -> dict[str, str]:
    """The hash of the source code of sepdiar, and of each other package that a stage or a backend comes from."""
    packages = {OURS, *(module.partition(".")[0] for stage in stages for module in stage.modules)}
    return {package: code_sha256(package) for package in sorted(packages)}


@cache
def code_sha256(package: str, whole: bool = False) -> str:
    """The hash of all source files of a package, as they are on disk now; of sepdiar without the rooms that no chain uses.

    With `whole` every room counts. "" where the package cannot be found.
    """
    spec = find_spec(package)
    if spec is None or not (spec.origin or spec.submodule_search_locations):
        return ""
    if not spec.submodule_search_locations:
        return digest(Path(str(spec.origin)))
    root = Path(next(iter(spec.submodule_search_locations)))
    apart = NEVER_IN_A_CHAIN if package == OURS and not whole else frozenset()
    lines = [
        f"{digest(path)}  {path.relative_to(root).as_posix()}\n"
        for path in root.rglob("*")
        if path.suffix in SOURCES and path.relative_to(root).parts[0] not in apart and path.is_file()
    ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def weights(stages: Iterable[Stage]) -> dict[str, str]:
    """The hash of each model that these stages load, by name; those inside other packages are told by the package's version."""
    from sepdiar import ingredients

    named = {each.model for each in ingredients.of(stages)}
    paths = {model for stage in stages for model in stage.models if not cards.home(model) and Path(model).exists()}
    found = {name: weights_sha256(name) for name in sorted((named | paths) - {""})}
    return {name: sha256 for name, sha256 in found.items() if sha256}


def weights_sha256(name: str) -> str:
    """The hash of a model's weights: of ours as they are on disk, of pulled ones as published; "" where none are here."""
    if cards.home(name):
        card = cards.card(name)
        if card.public:
            pulled = shelf.pulled(card)
            return pulled.sha256 if pulled else ""
        ours = card.folder / "weights.safetensors"
        return digest(ours) if ours.is_file() else ""
    path = Path(name)
    if path.is_dir():
        return tree_sha256(path)
    return digest(path) if path.is_file() else ""
