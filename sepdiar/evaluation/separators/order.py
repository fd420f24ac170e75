"""What one measurement is: asked for by the command, and done in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

OURS = "sepdiar"
WHOLE, WINDOWS = "package, whole file", "package, its windows"
WAYS: Mapping[str, tuple[str, ...]] = {  # beside ours
    "compact": (),
    "convtasnet": (WHOLE, WINDOWS),
    "dprnn": (WHOLE, WINDOWS),
    "dptnet": (WHOLE, WINDOWS),
    "mossformer2": (WINDOWS,),
    "sepformer": (WHOLE,),
    "sudormrf": (WHOLE, WINDOWS),
    "tdanet": (WHOLE,),
}


@dataclass(frozen=True)
class Order:
    """One cell: a separator, a way to call it, the minutes of a dialogue, and how it computes."""

    separator: str
    way: str
    minutes: float
    device: str = "cpu"
    batch: int = 8
    precision: str = "auto"
    threads: int = 1
    context: float = 1.5

    def facts(self) -> dict[str, Any]:
        """As it stands in results.json."""
        return asdict(self)

    def alike(self, cell: Mapping[str, Any]) -> bool:
        """Whether a cell of results.json is of this order, but for the minutes."""
        return all(cell.get(key) == value for key, value in self.facts().items() if key != "minutes")
