"""Which models there are, which of them are here, and whether what is here is still what it was."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from sepdiar.errors import SepdiarError
from sepdiar.models import cards, shelf
from sepdiar.models.cards import Card
from sepdiar.store.disk import digest, tree_sha256


@dataclass(frozen=True)
class Known:
    """One line of `sepdiar models list`."""

    name: str
    kind: str
    backend: str
    about: str
    licence: str
    rate: int
    state: str
    """`shipped` with sepdiar, `packaged` inside another package, `pulled`, or `absent`."""
    gated: bool = False
    mend: str = ""
    places: tuple[str, ...] = ()
    """Where it can be had: "hub", "index"; empty where it need not be fetched."""


@dataclass(frozen=True)
class Checked:
    """One line of `sepdiar models verify`; `good` is None where there is nothing here to compare."""

    name: str
    good: bool | None
    detail: str
    mend: str = ""


def known() -> list[Known]:
    """Every model that sepdiar knows, and whether it is here."""
    return [of(cards.card(name)) for name in cards.names()]


def verify(name: str | None = None) -> list[Checked]:
    """Compare the files of a model, or of all, with their hashes; SD251 where the one that is named is not here."""
    if name is None:
        return [_checked(cards.card(each)) for each in cards.names()]
    found = cards.card(name)
    if found.public and shelf.pulled(found) is None:
        raise SepdiarError("SD251", "it was not pulled", where=name, hint=f"sepdiar models pull {name}")
    return [_checked(found)]


def of(card: Card) -> Known:
    """What is known of one model, and whether it is here."""
    facts = card.facts
    state = "packaged" if "package" in facts else "shipped"
    if card.public:
        state = "pulled" if shelf.pulled(card) else "absent"
    kind, backend, about, licence = (str(facts.get(key, "")) for key in ("kind", "backend", "about", "licence"))
    mend = f"sepdiar models pull {card.name}" if state == "absent" else ""
    gated = bool(card.public and card.public.gated)
    places = card.public.places if card.public else ()
    return Known(card.name, kind, backend, about, licence, int(facts.get("rate", 0)), state, gated, mend, places)


def _checked(card: Card) -> Checked:
    if card.public:
        return _pulled(card)
    if "package" in card.facts:
        return _packaged(card)
    path = card.folder / "weights.safetensors"
    good = path.is_file() and digest(path) == card.facts.get("sha256")
    detail = str(path) if good else f"{path} is not what its card says"
    return Checked(card.name, good, detail, "" if good else "pip install --force-reinstall sepdiar")


def _pulled(card: Card) -> Checked:
    found = shelf.pulled(card)
    if found is None:
        return Checked(card.name, None, "not pulled")
    if faults := found.faults():
        return Checked(card.name, False, f"{', '.join(faults)} in {found.folder} changed", f"sepdiar models pull {card.name}")
    origins = sorted({origin for file in found.files if file.origin for origin in file.origin.split(", ")})
    origin = f"from {', '.join(origins)}" if origins else f"commit {found.revision[:12]}"
    return Checked(card.name, True, f"{found.folder}, {origin}")


def _packaged(card: Card) -> Checked:
    """A model inside another package: comparable where that package has the version of the card."""
    package, asked = str(card.facts["package"]), str(card.facts.get("version", ""))
    try:
        there = version(package)
    except PackageNotFoundError:
        return Checked(card.name, None, f"{package} is not installed")
    if there != asked:
        return Checked(card.name, None, f"inside {package} {there}; the card knows {asked}")
    spec = find_spec(package.replace("-", "_"))
    path = Path(((spec and spec.submodule_search_locations) or ["."])[0]) / str(card.facts["path"])
    good = path.exists() and (tree_sha256(path) if path.is_dir() else digest(path)) == card.facts["sha256"]
    mend = "" if good else f"pip install --force-reinstall {package}=={asked}"
    return Checked(card.name, good, f"inside {package} {there}", mend)
