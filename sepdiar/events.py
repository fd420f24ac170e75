"""What happens, told to whoever listens: the progress bar, the log and the report. Stages never print."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Listener = Callable[["Event"], None]


@dataclass(frozen=True)
class Event:
    """Something that happened to `item` (an item's id; empty for the whole run).

    Kinds and their facts:
    `run.started` (inputs, done, out, stages) · `run.finished` (done, failed, skipped, seconds, audio_seconds)
    `run.stopping` (busy, grace): asked to end; recordings under work may finish within `grace` seconds
    `inputs.read` (read, inputs, done): so many inputs have been read so far, and of so many the item was there before
    `item.started` (path) · `item.done` (audio_seconds, seconds) · `item.failed` and `item.skipped` (code, message, hint)
    `stage.started` (stage) · `stage.progress` (stage, fraction) · `stage.finished` (stage, seconds, audio_seconds)
    `pull.progress` (file, bytes, of): so much of a model's file is here; `of` is None where nobody knows
    `note` (message): what a user should know though nothing failed
    """

    kind: str
    item: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.time)


def silence(event: Event) -> None:
    """The listener that does not listen."""
