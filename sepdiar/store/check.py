"""Reads a run again, byte for byte, against its checksums."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sepdiar.errors import SepdiarError
from sepdiar.store import disk
from sepdiar.store.reading import kind, read_text

LINE = re.compile(r"([0-9a-f]{64})  (.+)")


@dataclass(frozen=True, order=True)
class Fault:
    """One file that is not as it was written: `damaged`, `missing`, `extra`, or `of another configuration`.

    `item` is empty for a file of the whole run. A `stray` is no file of an item, but something else among the items.
    """

    item: str
    file: str
    kind: str


def item_faults(folder: Path) -> Iterator[Fault]:
    """What is wrong with one item, its SUMS included."""
    sums = _sums(folder / disk.SUMS)
    if sums is None:
        yield Fault(folder.name, disk.SUMS, "damaged" if kind(folder / disk.SUMS) else "missing")
        return
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if kind(path) != "a folder"}
    del found[disk.SUMS]
    for name in sorted(sums.keys() | found.keys()):
        if name not in found:
            yield Fault(folder.name, name, "missing")
        elif name not in sums:
            yield Fault(folder.name, name, "extra")
        elif kind(found[name]) != "a file" or disk.digest(found[name]) != sums[name]:
            yield Fault(folder.name, name, "damaged")


def _sums(path: Path) -> dict[str, str] | None:
    """Digest by name, or None where the file is not exactly as `disk.seal` writes it."""
    try:
        text = read_text(path)
    except (FileNotFoundError, ValueError, SepdiarError):
        return None
    lines = [LINE.fullmatch(line) for line in text.splitlines()]
    sums = {line[2]: line[1] for line in lines if line}
    whole = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return sums if whole == text else None
