"""What one measurement is: asked for by a command, and done in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OURS = "sepdiar"
Cell = dict[str, Any]


class Order:
    """One cell: of a dataclass, with whatever else tells it from others."""

    way: str
    minutes: float

    def facts(self) -> dict[str, Any]:
        """As it stands in the file of results."""
        return dict(vars(self))

    def alike(self, cell: Mapping[str, Any]) -> bool:
        """Whether a cell of the results is of this order, but for the minutes."""
        return all(cell.get(key) == value for key, value in self.facts().items() if key != "minutes")
