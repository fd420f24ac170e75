"""What each role costs: alone, given the others, and its fair share; and what only the combination costs.

The game is that of cooperative game theory: v(T) is how much worse a figure is than with the truth in every role when the roles
in T are the system's. A cost above 0 is always for the worse, whether the figure should be high or low.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.float64])
Game = Mapping[frozenset[str], Number]


def subsets(roles: Iterable[str]) -> Iterator[frozenset[str]]:
    """Every subset, the empty one first."""
    all_of_them = list(roles)
    for count in range(len(all_of_them) + 1):
        yield from map(frozenset, combinations(all_of_them, count))


def alone(game: Game[Number], role: str) -> Number:
    """What a role costs where everything else is the truth's."""
    return game[frozenset({role})] - game[frozenset()]


def given_others(game: Game[Number], role: str) -> Number:
    """What it costs where everything else is the system's: what a perfect one would win."""
    whole = max(game, key=len)
    return game[whole] - game[whole - {role}]


def shapley(game: Game[Number], role: str) -> Number:
    """The mean of what a role adds, over all orders in which the system's stages could replace the truth's.

    >>> both = {frozenset(): 0.0, frozenset("a"): 1.0, frozenset("b"): 2.0, frozenset("ab"): 5.0}
    >>> shapley(both, "a"), shapley(both, "b")
    (2.0, 3.0)
    """
    players = max(game, key=len)
    total = game[frozenset()] * 0
    for others in subsets(players - {role}):
        weight = factorial(len(others)) * factorial(len(players) - len(others) - 1) / factorial(len(players))
        total = total + weight * (game[others | {role}] - game[others])
    return total


def interaction(game: Game[Number], together: frozenset[str]) -> Number:
    """What only these roles together cost, beyond all that fewer of them do (Harsanyi's dividend).

    >>> both = {frozenset(): 0.0, frozenset("a"): 1.0, frozenset("b"): 2.0, frozenset("ab"): 5.0}
    >>> interaction(both, frozenset("ab"))
    2.0
    """
    total = game[frozenset()] * 0
    for part in subsets(together):
        total = total + (-1) ** (len(together) - len(part)) * game[part]
    return total


def combined(game: Game[Number]) -> Number:
    """What the whole costs beyond the costs of each role alone: all interactions together."""
    whole = max(game, key=len)
    return game[whole] - game[frozenset()] - sum(alone(game, role) for role in whole)


def costs(game: Game[Number], roles: Sequence[str]) -> dict[str, Number]:
    """Every cost by its name: `alone ROLE`, `given others ROLE`, `shapley ROLE`, `interaction ROLE+ROLE`, `combined`, `total`."""
    whole = frozenset(roles)
    found: dict[str, Number] = {"total": game[whole] - game[frozenset()], "combined": combined(game)}
    for role in roles:
        found[f"alone {role}"] = alone(game, role)
        found[f"given others {role}"] = given_others(game, role)
        found[f"shapley {role}"] = shapley(game, role)
    for together in subsets(roles):
        if len(together) > 1:
            found[f"interaction {'+'.join(role for role in roles if role in together)}"] = interaction(game, together)
    return found
