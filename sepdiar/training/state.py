"""What a training leaves on the disk: its state, to go on from, and two tables of figures; each file is whole at any time."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from sepdiar.errors import SepdiarError
from sepdiar.store.disk import sync

STATE = "state.pt"
BEST, NEWEST = "best.safetensors", "last.safetensors"


def replace_whole(path: Path, content: bytes) -> None:
    """The file holds `content`, or what it held before: never a part."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Keep the state of a training: tensors, numbers and words."""
    content = io.BytesIO()
    torch.save(dict(state), content)
    replace_whole(folder / STATE, content.getvalue())


def load(folder: Path) -> dict[str, Any] | None:
    """The state that `save` kept; None where there is none. Nothing but tensors, numbers and words is unpickled."""
    path = folder / STATE
    if not path.exists():
        return None
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, UnpicklingError) as error:
        raise SepdiarError(
            "SD502",
            str(error).partition("\n")[0],
            where=str(path),
            hint="Choose another --out, or delete the file to begin again.",
        ) from error
    return found


class Table:
    """A CSV file of figures that grows by a row; rows behind the step from which a training goes on are forgotten."""

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        self._columns: Sequence[str] = ()
        if path.exists():
            rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
            kept = [row for row in rows[1:] if len(row) == len(rows[0]) and int(row[0]) <= step]
            self._columns = rows[0] if kept else ()
            replace_whole(path, _lines(rows[:1] + kept if kept else []))

    def add(self, row: Mapping[str, float]) -> None:
        """One more row; the first one names the columns."""
        if not self._columns:
            self._columns = list(row)
            self._write([self._columns])
        self._write([[f"{row[column]:.6g}" if isinstance(row[column], float) else str(row[column]) for column in self._columns]])

    def _write(self, rows: Sequence[Sequence[str]]) -> None:
        with self._path.open("ab") as file:
            file.write(_lines(rows))


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
