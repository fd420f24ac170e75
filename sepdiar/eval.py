"""Measuring a chain against recordings whose truth is known, as `sepdiar eval` does."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "compounding": "sepdiar.evaluation.compounding.run",
    "overlap": "sepdiar.evaluation.compounding.overlap",
    "wsj0mix": "sepdiar.evaluation.two_speakers",
    "wham": "sepdiar.evaluation.two_speakers",
    "whamr": "sepdiar.evaluation.two_speakers",
    "librimix": "sepdiar.evaluation.two_speakers",
    "libricss": "sepdiar.evaluation.meetings.libricss",
    "simulated_libricss": "sepdiar.evaluation.meetings.simulated",
    "ami": "sepdiar.evaluation.meetings.ami",
    "voxconverse": "sepdiar.evaluation.meetings.voxconverse",
    "chime6": "sepdiar.evaluation.meetings.chime6",
}
"""Name, as on the command line but with _ for -, -> where the function is."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sepdiar.eval' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOMES[name]), name)
    return value
