"""Separators that others trained: found in a folder or as what was pulled, and read without running anything of theirs."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sepdiar.audio.source import Samples
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


@dataclass(frozen=True)
class Network:
    """A network ready to work: mixtures (n, samples) into sources (n, 2, samples), at the rate that its files give."""

    separate: Callable[[Tensor], Tensor]
    speakers: int
    rate: int


class PublishedSeparator(ABC):
    """What the separators of other packages share: a backend says which files it needs and makes a network of them."""

    rate: int
    files: ClassVar[tuple[str, ...]]
    usual: ClassVar[str] = ""
    """The model that is taken where none is named."""

    def __init__(
        self, model: str = "", path: str = "", window: float = 8.0, rate: int = 0, device: str = "cpu", precision: str = "auto"
    ) -> None:
        """`model` was pulled under this name; `path` is a folder with the files of a model instead, or its only file.

        `rate` is for a model whose files do not give the sample rate that it was trained at, or give a wrong one.
        `precision` is "fp32", "bf16", or "auto": bf16 on a GPU that computes with it.
        """
        from sepdiar.separation.compute import Compute

        here = f"separate.{type(self).__name__.lower()}"
        if not 1 <= window <= 60:
            raise SepdiarError("SD202", f"1 to 60 seconds, not {window!r}", where=f"{here}.window")
        if rate and not 4000 <= rate <= 192_000:
            raise SepdiarError("SD202", f"4000 to 192000 Hz, not {rate!r}", where=f"{here}.rate")
        if not (path or model or self.usual):
            raise SepdiarError("SD202", "the file of a model is needed", where=f"{here}.path", hint=f"--set {here}.path=FILE")
        found = in_folder(path, self.files) if path else pulled(model or self.usual, self.files)
        network = self.load(found, device)
        if network.speakers != 2:
            raise SepdiarError("SD202", f"{found.name} gives {network.speakers} sources, and two are needed", where=here)
        self.window, self.rate = window, rate or found.rate or network.rate
        if not self.rate:
            raise SepdiarError("SD202", f"{found.name} does not say its sample rate", where=f"{here}.rate")
        self.model, self.model_sha256 = found.name, found.sha256
        self._compute = Compute(network.separate, device, precision, f"{here}.precision")
        self.precision = self._compute.precision

    @abstractmethod
    def load(self, found: Published, device: str) -> Network:
        """The network that the files of a model describe."""

    def split(self, mixtures: Samples) -> Samples:
        """Two sources of each mixture, at the levels that the network gives them."""
        return self._compute(mixtures)


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
    from safetensors.torch import load_file

    return load_file(path), pickles.about(path)
