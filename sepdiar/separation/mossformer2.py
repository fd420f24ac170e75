"""MossFormer2 (Zhao et al., 2024, arXiv 2312.11825) by our own network, with the weights that its authors publish."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sepdiar.errors import SepdiarError
from sepdiar.models.published import Published, weights
from sepdiar.separation.published import Network, PublishedSeparator

if TYPE_CHECKING:
    from torch import Tensor

    from sepdiar.networks.mossformer2 import Mossformer2 as Net

CHECKPOINT = "last_best_checkpoint.pt"
RATE = 16_000
LEVEL = 10 ** (-25 / 20)  # of what is loud in a mixture, as its authors give it to the network


class MossFormer2(PublishedSeparator):
    """MossFormer2 by its authors: attention and memory in turn, 55.7 M parameters, 16 kHz; large, slow without a GPU."""

    needs = ("torch", "safetensors")
    files = (CHECKPOINT,)
    usual = "mossformer2-16k"

    def __init__(
        self, model: str = "", path: str = "", window: float = 4.0, rate: int = 0, device: str = "cpu", precision: str = "auto"
    ) -> None:
        super().__init__(model, path, window, rate, device, precision)

    def load(self, found: Published, device: str) -> Network:
        """The network of a checkpoint; SD251 where it is another's."""
        from sepdiar.networks import mossformer2

        try:
            network = mossformer2.of(weights(found.files[CHECKPOINT])[0]).to(device)
        except (KeyError, ValueError, RuntimeError) as error:
            what = f"no MossFormer2 can be made of it: {str(error).partition(chr(10))[0]}"
            raise SepdiarError("SD251", what, where=str(found.files[CHECKPOINT]), hint="sepdiar models list") from error
        return Network(partial(_sources, network), network.mask_net.sources, RATE)


def _sources(network: Net, mixtures: Tensor) -> Tensor:
    """What the network makes of mixtures at the level that it knows, and of whole frames of them, at their own level again."""
    from torch.nn import functional as F

    power = mixtures.square()
    loud = power >= power.mean(1, keepdim=True)
    level = ((power * loud).sum(1) / loud.sum(1)).sqrt()[:, None].clamp(min=1e-8) / LEVEL
    count = mixtures.shape[1]
    whole = max(3 * network.hop, count + -count % network.hop)
    sources: Tensor = network(F.pad(mixtures / level, (0, whole - count)))
    return sources[..., :count] * level[:, None]
