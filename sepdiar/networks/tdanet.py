"""TDANet (arXiv 2209.15200), written after its paper: masks on learned filters, by one network that passes over them many times.

The names of the parts, and what the paper leaves open, are those of the program that trained TDANetBest-2ms-LRS2 and
TDANetBest-4ms-LRS2, so that these load as they are; `python -m sepdiar.evaluation.tdanet` holds it to the program of its authors.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.networks.top_down import Norm, TopDown

PASSES = 16


class Passes(nn.Module):
    """The same network again and again, each time on the mixture and what the last time made of it."""

    def __init__(self, outer: int, width: int, depth: int, passes: int) -> None:
        super().__init__()
        self.passes = passes
        self.unet = TopDown(outer, width, depth)
        self.concat_block = nn.Sequential(nn.Conv1d(outer, outer, 1, groups=outer), nn.PReLU())

    def forward(self, mixture: Tensor) -> Tensor:
        """(batch, outer, frames) to the same."""
        made: Tensor = self.unet(mixture)
        for _ in range(self.passes - 1):
            made = self.unet(self.concat_block(mixture + made))
        return made


class Tdanet(nn.Module):
    """A mixture into sources, in no order. `kernel`, the length of a filter in samples, can be divided by 4, and `width` by 8."""

    def __init__(
        self, outer: int = 128, width: int = 512, depth: int = 5, kernel: int = 64, passes: int = PASSES, sources: int = 2
    ) -> None:
        super().__init__()
        self.kernel, self.hop, self.sources = kernel, kernel // 4, sources
        filters = kernel // 2 + 1
        self.encoder = nn.Conv1d(1, filters, kernel, self.hop, kernel // 2, bias=False)
        self.ln = Norm(filters)
        self.bottleneck = nn.Conv1d(filters, outer, 1)
        self.sm = Passes(outer, width, depth, passes)
        self.mask_net = nn.Sequential(nn.PReLU(), nn.Conv1d(outer, sources * filters, 1))
        self.decoder = nn.ConvTranspose1d(sources * filters, sources, kernel, self.hop, kernel // 2, bias=False)

    def forward(self, mixture: Tensor) -> Tensor:
        """(batch, samples) to (batch, sources, samples)."""
        count, around = mixture.shape[1], self.kernel - self.hop
        behind = self.kernel - (self.hop + count) % self.kernel
        filtered = self.encoder(F.pad(mixture, (around, behind + around))[:, None])
        masks = self.mask_net(self.sm(self.bottleneck(self.ln(filtered))))
        masked = F.relu(masks.unflatten(1, (self.sources, -1))) * filtered[:, None]
        made: Tensor = self.decoder(masked.flatten(1, 2))
        return made[..., around : around + count]


def of(weights: Mapping[str, Tensor], passes: int = PASSES) -> Tdanet:
    """The network of published weights, its shape read off them; KeyError, ValueError or RuntimeError where they are another's.

    They do not tell the number of passes. Their table of places is left out: it is computed, for any length.
    """
    state = {name: value.float() for name, value in weights.items() if name != "sm.unet.globalatt.attn.pos_enc.pe"}
    kernel, sources = state["encoder.weight"].shape[2], state["decoder.weight"].shape[1]
    outer, width, _ = state["sm.unet.res_conv.weight"].shape
    depth = sum(name.startswith("sm.unet.spp_dw.") and name.endswith("conv.bias") for name in state)
    if kernel % 4 or depth < 2:
        raise ValueError(f"filters of {kernel} samples and {depth} speeds")
    network = Tdanet(outer, width, depth, kernel, passes, sources)
    network.load_state_dict(state)
    return network.eval()
