"""How the network of a separator computes: how precisely, and how many mixtures at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.networks.precision import PRECISIONS, has_bf16
from sepdiar.networks.threads import one_thread


class Compute:
    """Gives mixtures (n, samples) to a network of one argument, as numpy arrays.

    A GPU hears them all at once; the CPU one after the other, which takes no longer there, and the samples are the same
    whatever the batch is. `precision` is what was chosen: bf16 is torch's autocast, and the weights stay as they are.
    """

    def __init__(
        self, network: Callable[[Tensor], Tensor], device: str = "cpu", precision: str = "auto", where: str = ""
    ) -> None:
        self._network, self._device = network, torch.device(device)
        self.precision = chosen(self._device, precision, where)

    def __call__(self, mixtures: Samples) -> Samples:
        """What the network makes of them."""
        kind = self._device.type
        with one_thread(), torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16"):
            heard = torch.from_numpy(mixtures).to(self._device)
            made = torch.cat([self._network(one[None]) for one in heard]) if kind == "cpu" else self._network(heard)
        sources: Samples = made.float().cpu().numpy()
        return sources


def chosen(device: torch.device, precision: str, where: str = "") -> str:
    """`precision` itself, or for "auto": bf16 on a GPU that computes with it, fp32 elsewhere; SD202 where it is none of these."""
    if precision not in PRECISIONS:
        raise SepdiarError("SD202", f"one of {', '.join(PRECISIONS)}, not {precision!r}", where=where)
    if precision != "auto":
        return precision
    return "bf16" if device.type == "cuda" and has_bf16(device) else "fp32"
