"""Whose folder it is: a run carries a marker with an id of its own, and what is no run is never written into."""

from __future__ import annotations

import os
import re
from pathlib import Path
from uuid import uuid4

from sepdiar.errors import SepdiarError
from sepdiar.store import disk
from sepdiar.store.reading import SMALL, kind, open_state, read_text, refusal
from sepdiar.store.settings import NAME, Settings

MARKER = ".sepdiar"
TEXT = "sepdiar run {}\n"
ID = r"[0-9a-f]{32}"
KINDS = {
    MARKER: "a file",
    ".lock": "a file",
    NAME: "a file",
    "inputs.log": "a file",
    "events.log": "a file",
    "items": "a folder",
    "failures": "a folder",
    "tmp": "a folder",
    "report": "a folder",
    "lost": "a folder",
}
"""What a run directory keeps under these names, if it is there."""


def refuse_foreign(run: Path) -> None:
    """SD209 for a place that is neither absent, nor empty, nor a run; SD307 where a run has a link or a pipe for a state file."""
    found = kind(run)
    if not found:
        return
    if not run.is_dir():
        raise SepdiarError("SD209", f"it is {found}", where=str(run))
    names = {entry.name for entry in os.scandir(run)}
    if names and not (marked(run) or (names == {MARKER} and _begun(run)) or _described(run)):
        raise SepdiarError("SD209", f"it holds {_some(names)}", where=str(run))
    refuse_other_kinds(run)


def refuse_other_kinds(run: Path) -> None:
    """SD307 where something else stands under a name that a run keeps for a file or a folder of its own."""
    for name, expected in KINDS.items():
        if (found := kind(run / name)) not in ("", expected):
            raise refusal(run / name, f"{found}, where {expected} should be")


def marked(run: Path) -> str:
    """The id of the run in that folder; "" where it has no marker, or not a whole one."""
    try:
        found = re.fullmatch(TEXT.format(f"({ID})"), read_text(run / MARKER, SMALL))
    except (OSError, ValueError, SepdiarError):
        return ""
    return found[1] if found else ""


def mark(run: Path) -> str:
    """Give the folder a marker, unless it has one; the id in it."""
    if not marked(run):
        handle = open_state(run / MARKER, os.O_WRONLY | os.O_CREAT)
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, TEXT.format(uuid4().hex).encode(), 0)
            os.fsync(handle)
        finally:
            os.close(handle)
        disk.sync(run)
    return marked(run)


def _begun(run: Path) -> bool:
    """Whether the marker is the beginning of one: a process was stopped while it wrote it."""
    try:
        text = read_text(run / MARKER, SMALL).rstrip("\0")  # after a power cut a file may be as long as it should be, and empty
    except (OSError, ValueError, SepdiarError):
        return False
    return TEXT.startswith(text) or bool(re.fullmatch(r"sepdiar run [0-9a-f]{0,32}", text))


def _described(run: Path) -> bool:
    """Whether a whole run.toml of ours is in the folder: it is a run that has lost its marker, or never had one."""
    try:
        Settings.read(run)
    except (OSError, SepdiarError):
        return False
    return True


def _some(names: set[str]) -> str:
    first = sorted(names)[:3]
    return ", ".join(first) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
