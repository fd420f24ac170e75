"""The page: every folder in a line, then each with its figures, how they were measured and on what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.evaluation import shipped
from sepdiar.evaluation.page import Sheet
from sepdiar.evaluation.summary.kinds import Told, told
from sepdiar.evaluation.summary.questions import asked, folders

THEIRS = "not measured: the data are the user's"
HEADS = ("folder", "question", "main figure", "measured")
DECIBELS = {"si_sdr_improvement": "SI-SDRi, dB", "sdr_improvement": "SDRi, dB"}


@dataclass(frozen=True)
class Folder:
    """A folder of results: what it asks, what its files say, the files that nothing is known of, and the published rows."""

    place: Path
    question: str
    command: str
    told: Sequence[Told]
    unknown: Sequence[str]
    published: shipped.Reference | None

    @property
    def link(self) -> str:
        page = "README.md" if (self.place / "README.md").is_file() else ""
        return f"[{self.place.name}]({self.place.name}/{page})"

    @property
    def brief(self) -> str:
        """The main figures, or what there is in their place."""
        links = [f"[{name}]({self.place.name}/{name})" for name in self.unknown]
        if parts := [*(one.brief for one in self.told if one.brief), *links]:
            return "; ".join(parts)
        return f"{len(self.published.rows)} published rows" if self.published else "on its page"

    @property
    def measured(self) -> str:
        """When and on what, in short."""
        if not self.told:
            return THEIRS if self.published and not self.unknown else "on its page"
        short = dict.fromkeys(
            f"{one.machine['date']}, {one.machine['processor']}, {one.machine['cores']} cores" for one in self.told if one.machine
        )
        return "; ".join(short) or "not in the file"


def summary(root: Path) -> str:
    """Markdown, of every folder below `root`."""
    found = [folder(place) for place in folders(root)]
    lines = [(one.link, one.question, one.brief, one.measured) for one in found]
    table = [f"| {' | '.join(cells)} |" for cells in (HEADS, ["---"] * len(HEADS), *lines)]
    text = "\n".join([*table, *(line for one in found for line in _section(one))])
    return re.sub("\n{3,}", "\n\n", text).rstrip()


def folder(place: Path) -> Folder:
    """What stands in a folder of results. SD203: a file that cannot be read."""
    there = {file.name: told(file.stem, _read(file)) for file in sorted(place.glob("*.json"), key=lambda file: file.stem)}
    known = [one for one in there.values() if one]
    published = shipped.read(place) if (place / "reference.toml").is_file() else None
    return Folder(place, *asked(place), known, [name for name, one in there.items() if not one], published)


def _section(one: Folder) -> Iterator[str]:
    if not (one.told or one.unknown or one.published):
        return
    yield from ("", f"## {one.link}: {one.question}", "")
    if one.command:
        yield from (f"    {one.command}", "")
    machines = dict.fromkeys(_machine(part.machine) for part in one.told if part.machine)
    if one.told:
        yield from machines or ["Date and machine are not in the file."]
        yield ""
    yield from (sheet.markdown() for sheet in _together([sheet for part in one.told for sheet in part.sheets]))
    if one.told:
        yield from (f"- {protocol}" for protocol in dict.fromkeys(part.protocol for part in one.told))
    yield from (f"- [{name}]({one.place.name}/{name}): results of a kind that this page does not know" for name in one.unknown)
    if one.published and not one.told:
        gifts = "; ".join(f"{part.what}: <{part.home}> ({part.licence})" for part in one.published.downloads)
        yield from (f"{THEIRS.capitalize()}. To get: {gifts}.", "")
        yield from (sheet.markdown() for sheet in _published(one.published))


def _together(sheets: Sequence[Sheet]) -> list[Sheet]:
    """Sheets of the same title and columns as one."""
    kinds: dict[tuple[str, ...], list[Sheet]] = {}
    for sheet in sheets:
        kinds.setdefault((sheet.title, *sheet.heads), []).append(sheet)
    return [Sheet(title, heads, [row for one in same for row in one.rows]) for (title, *heads), same in kinds.items()]


def _published(about: shipped.Reference) -> Iterator[Sheet]:
    for table in dict.fromkeys(row.table for row in about.rows):
        rows = [row for row in about.rows if row.table == table]
        keys = list(dict.fromkeys(key for row in rows for key in row.figures))
        heads = ["system", *(DECIBELS.get(key, f"{key}, %") for key in keys), "protocol", "source"]
        figures = ([str(float(row.figures[key])) if key in row.figures else "-" for key in keys] for row in rows)
        cells = [[row.system, *own, row.protocol, row.source] for row, own in zip(rows, figures, strict=True)]
        yield Sheet(f"published: {table}", heads, cells)


def _machine(facts: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    where = f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, load {facts['load']}, {facts['system']}"
    return f"{facts['date']}, on {where}, Python {facts['python']}, {packages}."


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SepdiarError("SD203", f"{type(error).__name__}: {error}", where=str(file)) from error
