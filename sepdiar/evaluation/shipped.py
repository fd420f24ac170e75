"""What the folder of a benchmark gives to its command: the recipe of our row, published rows, and where the data are.

`eval/NAME/recipe.toml` and `eval/NAME/reference.toml`, which the wheel carries as `sepdiar/benchmarks/NAME`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sepdiar.errors import SepdiarError


@dataclass(frozen=True)
class Download:
    """A part of the data: what it is, who gives it, and under which licence."""

    what: str
    home: str
    licence: str


@dataclass(frozen=True)
class Published:
    """A row of others: percent or dB by column of `table`, the protocol, and where it is written."""

    table: str
    system: str
    protocol: str
    source: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Reference:
    """What `reference.toml` says: how the folder of the data looks, who gives it, and what others reached on it."""

    name: str
    title: str
    layout: str
    downloads: tuple[Download, ...]
    rows: tuple[Published, ...]

    def missing(self, what: str, where: Path) -> SepdiarError:
        """The refusal of a folder that lacks something: what, and what to fetch from whom under which licence."""
        fetch = "; ".join(f"{one.what}: {one.home} ({one.licence})" for one in self.downloads)
        return SepdiarError("SD603", what, where=str(where), hint=f"{self.title} is laid out as {self.layout}. Get it: {fetch}")


def folder(name: str) -> Path:
    """The folder of a benchmark, in the wheel or in the checkout."""
    package = Path(str(files("sepdiar")))
    installed = package / "benchmarks" / name
    return installed if installed.is_dir() else package.parent / "eval" / name


def recipe(name: str) -> Path:
    """The chain that is used where none is named."""
    return folder(name) / "recipe.toml"


def reference(name: str) -> Reference:
    """What is known of a benchmark; SD203 where the file cannot be read."""
    return read(folder(name))


def read(place: Path) -> Reference:
    """What is known of the benchmark of a folder."""
    path = place / "reference.toml"
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = tuple(Published(**row) for row in facts.get("row", ()))
        downloads = tuple(Download(**one) for one in facts["download"])
        return Reference(place.name, facts["title"], facts["layout"], downloads, rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SepdiarError("SD203", f"{type(error).__name__}: {error}", where=str(path)) from error
