"""What lies in the folder of items: which of it is an item, which is whole, and which configuration made it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from sepdiar.errors import SepdiarError
from sepdiar.schema import parse
from sepdiar.store.disk import SUMS
from sepdiar.store.reading import kind, open_state, read_text
from sepdiar.store.settings import Settings

VALUE = "conversation.json"
HEAD = 4096
FINGERPRINT = re.compile(rb'\{"configuration":\{"code":\{[^{}]*\},"fingerprint":"([0-9a-f]{64})"')
"""How a value begins that a run made: its keys are sorted, so that the whole file need not be read."""


def whole(run: Path) -> list[Path]:
    """The folder of every complete item of a run, in order. Links are none."""
    try:
        with os.scandir(run / "items") as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder for name in names if is_whole(folder := run / "items" / name)]


def is_whole(path: Path) -> bool:
    """Whether it is a folder with checksums."""
    return kind(path) == "a folder" and kind(path / SUMS) == "a file"


def is_item(path: Path) -> bool:
    """Whether it is an item, or was one: a folder with checksums or a value."""
    return kind(path) == "a folder" and any(kind(path / name) for name in (SUMS, VALUE))


def fingerprint(item: Path) -> str:
    """The fingerprint of the configuration that made an item; "" where it does not say."""
    try:
        handle = open_state(item / VALUE)
        try:
            begins = FINGERPRINT.match(os.read(handle, HEAD))
        finally:
            os.close(handle)
    except (OSError, SepdiarError):
        return ""
    return begins[1].decode() if begins else ""


def configuration(items: Sequence[Path]) -> Settings | None:
    """What made these items; None where there are none, or one does not say. SD205 where they are of two configurations."""
    if not items:
        return None
    made = {fingerprint(item): item for item in reversed(items)}
    first, *others = [_configuration(item) for item in made.values()]
    for item, other in zip(list(made.values())[1:], others, strict=True):
        if first and other and (changed := first.differences(other)):
            raise SepdiarError("SD205", f"its items differ: {'; '.join(changed)}", where=str(item))
    return first


def _configuration(item: Path) -> Settings | None:
    try:
        return Settings.checked(parse(read_text(item / VALUE))["configuration"], item / VALUE)
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError):
        return None
