"""A separator whose device has too little memory hears less at once: fewer windows, then shorter ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sepdiar.errors import SepdiarError

LEAST = 2.0  # seconds: a separator hears too little in shorter windows
# how torch and the libraries below it say so where they have no exception of their own for it: on the CPU, cuBLAS, cuDNN, Metal
WORDS = ("out of memory", "not enough memory", "can't allocate memory", "ALLOC_FAILED")


class Shorter(Exception):
    """The windows are shorter from now on, and everything is heard again."""


@dataclass
class Portion:
    """What a separator hears at once of one recording: `batch` windows of at most `window` seconds."""

    batch: int
    window: float
    times: int = 0

    def lessen(self, name: str, reason: str) -> None:
        """Half as many windows; where it is one already, raise `Shorter` for windows half as long, at the end SD254."""
        self.times += 1
        if self.batch > 1:
            self.batch //= 2
        elif self.window / 2 >= LEAST:
            self.window /= 2
            raise Shorter
        else:
            raise SepdiarError("SD254", f"one window of {self.window:g} s is too much for {name}: {reason}", where="separate")

    def facts(self) -> Mapping[str, Any]:
        """For the record, where memory was lacking: how often, and with what it went on."""
        return {"out_of_memory": {"times": self.times, "batch": self.batch, "window": self.window}} if self.times else {}


def lacking(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory."""
    torch = sys.modules.get("torch")  # whoever raises an error of torch's has imported it
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return any(word in str(error) for word in WORDS)
