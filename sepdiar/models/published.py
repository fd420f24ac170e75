"""Models that others trained: found in a folder or as what was pulled, and read without running anything of theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sepdiar.errors import SepdiarError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Published:
    """The files of a model by the names under which they are published; `rate` is 0 where only the files themselves know it."""

    name: str
    sha256: str
    files: Mapping[str, Path]
    rate: int = 0


def in_folder(path: str, names: Sequence[str]) -> Published:
    """The model in a folder, or in a single file where it needs no other; SD251 where one of its files is missing."""
    from sepdiar.store.disk import digest

    place = Path(path).expanduser()
    files = {name: place if place.is_file() and len(names) == 1 else _kept(place, name) for name in names}
    lines = sorted(f"{digest(file)}  {name}\n" for name, file in files.items())
    return Published(place.resolve().name, hashlib.sha256("".join(lines).encode()).hexdigest(), files)


def pulled(name: str, names: Sequence[str]) -> Published:
    """The model that was pulled as `name`; SD251 where it was not, or is no longer what was pulled."""
    from sepdiar.models.shelf import read
    from sepdiar.networks.weights import find

    model = find(name)
    lock, pull = read(model.folder), f"sepdiar models pull {name}"
    faults = lock.faults() if lock else ["lock.json"]
    if faults:
        raise SepdiarError("SD251", f"{faults[0]} of {name} is not what was pulled", where=str(model.folder), hint=pull)
    files = {wanted: _kept(model.folder, wanted) for wanted in names}
    return Published(name, model.sha256, files, int(model.card.get("rate", 0)))


def _kept(folder: Path, name: str) -> Path:
    """A file as it was published, or what pulling made of it."""
    for file in (folder / name, (folder / name).with_suffix(".safetensors")):
        if file.is_file():
            return file
    raise SepdiarError("SD251", f"no {name}", where=str(folder), hint="sepdiar models list")


def weights(path: Path, ignore: tuple[str, ...] = ()) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file by name, and what else it says; a pickle is read as pulling would read it."""
    from sepdiar.models import pickles

    if path.suffix != ".safetensors":
        return pickles.read(path, ignore=ignore)
    return pickles.loaded(path), pickles.about(path)
