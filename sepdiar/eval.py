"""Measuring a chain against recordings whose truth is known, as `sepdiar eval` does."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "wsj0mix": "sepdiar.evaluation.two_speakers",
    "wham": "sepdiar.evaluation.two_speakers",
    "whamr": "sepdiar.evaluation.two_speakers",
    "librimix": "sepdiar.evaluation.two_speakers",
}
"""Name, as on the command line -> where the function is."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sepdiar.eval' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOMES[name]), name)
    return value
