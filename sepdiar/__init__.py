"""sepdiar: mono conversations into two-channel training data, and how far that is from the truth.

The command line in the same words; nothing heavy is imported before it is used:

    import sepdiar

    sepdiar.process(["podcasts"], "out")        # as `sepdiar process podcasts --out out`
    talk = sepdiar.diarize("talk.mp3")          # a Conversation
    for turn in talk.turns: ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sepdiar import eval, models
    from sepdiar.api import diarize, explain, report, separate, transcribe
    from sepdiar.checkup import doctor
    from sepdiar.config import recipes
    from sepdiar.conversation import Conversation, Recording, Score, Span, Stretch, Track, Turn, Word
    from sepdiar.errors import SepdiarError
    from sepdiar.events import Event
    from sepdiar.formats.validate import validate
    from sepdiar.metrics import score
    from sepdiar.registry import backends
    from sepdiar.run import process, retry, status, verify
    from sepdiar.simulation import simulate

__version__ = "0.1.0"

_HOMES = {
    "sepdiar.api": ("diarize", "explain", "report", "separate", "transcribe"),
    "sepdiar.checkup": ("doctor",),
    "sepdiar.config": ("recipes",),
    "sepdiar.conversation": ("Conversation", "Recording", "Score", "Span", "Stretch", "Track", "Turn", "Word"),
    "sepdiar.errors": ("SepdiarError",),
    "sepdiar.events": ("Event",),
    "sepdiar.formats.validate": ("validate",),
    "sepdiar.metrics": ("score",),
    "sepdiar.registry": ("backends",),
    "sepdiar.run": ("process", "retry", "status", "verify"),
    "sepdiar.simulation": ("simulate",),
}
_ROOMS = ("eval", "models")
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Conversation",
    "Event",
    "Recording",
    "Score",
    "SepdiarError",
    "Span",
    "Stretch",
    "Track",
    "Turn",
    "Word",
    "backends",
    "diarize",
    "doctor",
    "eval",
    "explain",
    "models",
    "process",
    "recipes",
    "report",
    "retry",
    "score",
    "separate",
    "simulate",
    "status",
    "transcribe",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"sepdiar.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'sepdiar' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
