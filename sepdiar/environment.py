"""What the processes that we start are given of our environment: all of it but tokens, which only pulling a model needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def for_child(**more: str) -> dict[str, str]:
    """The whole environment of a process that is started, with `more` in it."""
    return {name: value for name, value in os.environ.items() if name not in TOKENS} | more


@contextmanager
def without_tokens() -> Iterator[None]:
    """Inside, tokens are hidden from what multiprocessing starts too: it passes on the environment as it is."""
    held = {name: os.environ.pop(name) for name in TOKENS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)
