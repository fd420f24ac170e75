"""MossFormer2 (arXiv 2312.11825), written from its papers: masks on learned filters, by attention and memory in turn.

The names of the parts are those of the published weights MossFormer2_SS_16K, so that they load as they are;
`python -m sepdiar.evaluation.mossformer2` holds it to the package of its authors.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.networks.gated_attention import GatedAttention
from sepdiar.networks.gated_memory import GatedMemory


class Filters(nn.Module):
    """Samples into frames of learned filters, each of which is there or is not."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.conv1d = nn.Conv1d(1, width, kernel, stride=kernel // 2, bias=False)

    def forward(self, samples: Tensor) -> Tensor:
        """(batch, samples) to (batch, width, frames)."""
        return F.relu(self.conv1d(samples[:, None]))


class Place(nn.Module):
    """Where a frame is, as sines and cosines."""

    inv_freq: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("inv_freq", 10_000.0 ** -(torch.arange(0, width, 2) / width))

    def forward(self, count: int) -> Tensor:
        """(width, count)."""
        angles = self.inv_freq[:, None] * torch.arange(count, device=self.inv_freq.device)
        return torch.cat([angles.sin(), angles.cos()]) * self.scale


class Layers(nn.Module):
    """Attention and memory, in turn."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.fsmn = nn.ModuleList(GatedMemory(width) for _ in range(depth))
        self.layers = nn.ModuleList(GatedAttention(width) for _ in range(depth))

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same."""
        for attend, remember in zip(self.layers, self.fsmn, strict=True):
            frames = remember(attend(frames))
        return frames


class Inner(nn.Module):
    """The layers and the norm behind them."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.mossformerM = Layers(width, depth)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same."""
        made: Tensor = self.norm(self.mossformerM(frames))
        return made


class Outer(nn.Module):
    """Adds what the layers find, at one level over the whole."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.intra_mdl = Inner(width, depth)
        self.intra_norm = nn.GroupNorm(1, width, eps=1e-8)

    def forward(self, channels: Tensor) -> Tensor:
        """(batch, width, frames) to the same."""
        found: Tensor = self.intra_norm(self.intra_mdl(channels.transpose(1, 2)).transpose(1, 2))
        return channels + found


class Masks(nn.Module):
    """How much of each filter belongs to each source."""

    def __init__(self, width: int, depth: int, sources: int) -> None:
        super().__init__()
        self.sources = sources
        self.norm = nn.GroupNorm(1, width, eps=1e-8)
        self.conv1d_encoder = nn.Conv1d(width, width, 1, bias=False)
        self.pos_enc = Place(width)
        self.mdl = Outer(width, depth)
        self.prelu = nn.PReLU()
        self.conv1d_out = nn.Conv1d(width, width * sources, 1)
        self.output = nn.Sequential(nn.Conv1d(width, width, 1), nn.Tanh())
        self.output_gate = nn.Sequential(nn.Conv1d(width, width, 1), nn.Sigmoid())
        self.conv1_decoder = nn.Conv1d(width, width, 1, bias=False)

    def forward(self, filtered: Tensor) -> Tensor:
        """(batch, width, frames) to (batch, sources, width, frames)."""
        channels = self.conv1d_encoder(self.norm(filtered)) + self.pos_enc(filtered.shape[2])
        batch, width, frames = channels.shape
        apart = self.conv1d_out(self.prelu(self.mdl(channels))).reshape(-1, width, frames)
        masks = F.relu(self.conv1_decoder(self.output(apart) * self.output_gate(apart)))
        return masks.reshape(batch, self.sources, width, frames)


class Mossformer2(nn.Module):
    """A mixture into sources, in no order; up to a hop of samples at the end that fill no frame are silent in all of them."""

    def __init__(self, width: int = 512, depth: int = 24, kernel: int = 16, sources: int = 2) -> None:
        super().__init__()
        self.hop = kernel // 2
        self.enc = Filters(width, kernel)
        self.mask_net = Masks(width, depth, sources)
        self.dec = nn.ConvTranspose1d(width, 1, kernel, stride=self.hop, bias=False)

    def forward(self, mixture: Tensor) -> Tensor:
        """(batch, samples), three hops or more, to (batch, sources, samples)."""
        filtered = self.enc(mixture)
        masked = filtered[:, None] * self.mask_net(filtered)
        made: Tensor = self.dec(masked.flatten(0, 1))[:, 0]
        batch, count = mixture.shape
        return F.pad(made, (0, count - made.shape[1])).reshape(batch, -1, count)


def of(weights: Mapping[str, Tensor]) -> Mossformer2:
    """The network of published weights, its shape read off them; KeyError or RuntimeError where they are another network's."""
    state = {name.removeprefix("module."): value.float() for name, value in weights.items()}
    width, _, kernel = state["enc.conv1d.weight"].shape
    depth = sum(name.endswith("qk_offset_scale.gamma") for name in state)
    network = Mossformer2(width, depth, kernel, len(state["mask_net.conv1d_out.weight"]) // width)
    network.load_state_dict(state)
    return network.eval()
