"""What one measurement is: asked for by the command, and done in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sepdiar.evaluation.bench import order

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
class Order(order.Order):
    """One cell: a separator, a way to call it, the minutes of a dialogue, and how it computes."""

    separator: str
    way: str
    minutes: float
    device: str = "cpu"
    batch: int = 8
    precision: str = "auto"
    threads: int = 1
    context: float = 1.5

    def alike(self, cell: Mapping[str, Any]) -> bool:
        """The same, by the precision that was asked for: what a cell has is the one that was chosen."""
        return super().alike({**cell, "precision": cell["asked"]})
