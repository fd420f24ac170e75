"""What the separators that others trained have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.models.published import Published, in_folder, pulled

if TYPE_CHECKING:
    from torch import Tensor


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
