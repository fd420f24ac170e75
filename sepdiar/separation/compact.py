"""Our own separator of two voices at 16 kHz: small enough for a CPU, and it comes with sepdiar."""

from __future__ import annotations

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError


class Compact:
    """Masks on a spectrum for two voices, by a small network that is trained on open speech and ships with sepdiar."""

    rate = 16_000
    needs = ("torch", "safetensors")

    def __init__(
        self,
        window: float = 9.0,
        model: str = "compact-separation",
        views: int = 3,
        device: str = "cpu",
        precision: str = "auto",
    ) -> None:
        """Each window is heard in `views` ways, 1 to 6, of which the mean is taken: as many times the work.

        `precision` is "fp32", "bf16", or "auto": bf16 on a GPU that computes with it.
        """
        if not 1 <= window <= 60:
            raise SepdiarError("SD202", f"1 to 60 seconds, not {window!r}", where="separate.compact.window")
        from sepdiar.networks import weights
        from sepdiar.networks.views import VIEWS, Views
        from sepdiar.separation.compute import Compute

        if not 1 <= views <= len(VIEWS):
            raise SepdiarError("SD202", f"1 to {len(VIEWS)}, not {views!r}", where="separate.compact.views")
        found = weights.find(model)
        self.window, self.model, self.model_sha256 = window, found.name, found.sha256
        network = Views(weights.load(found, device), views)
        self._compute = Compute(network, device, precision, "separate.compact.precision")
        self.precision = self._compute.precision

    def split(self, mixtures: Samples) -> Samples:
        """Two sources of each mixture that add up to it."""
        return self._compute(mixtures)
