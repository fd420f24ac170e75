"""Two people who speak at once, apart: attention over patches of the spectrum, and one complex mask for both."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.networks.segmenter import Block

RATE = 16_000
FRAME = 512
HOP = 256
BINS = FRAME // 2 + 1


class Separator(nn.Module):
    """A mixture into two sources that add up to it, in no order.

    The network says of each cell of the spectrum how far the first source lies from half of the mixture; the second lies as
    far on the other side. The level of the mixture changes nothing but that of the sources. `patch` frames make one step of
    the attention: few steps and wide matrices are what a CPU is quick at.
    """

    window: Tensor

    def __init__(self, width: int = 256, depth: int = 8, heads: int = 4, patch: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.patch = patch
        self.register_buffer("window", torch.hann_window(FRAME).sqrt(), persistent=False)
        self.take = nn.Linear(3 * BINS * patch, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.give = nn.Linear(width, 2 * BINS * patch)
        nn.init.normal_(self.give.weight, std=0.02)

    def forward(self, mixture: Tensor) -> Tensor:
        """(batch, samples) at 16 kHz to (batch, 2, samples)."""
        with torch.autocast(mixture.device.type, enabled=False):
            mixture = mixture.float()
            level = mixture.square().mean(1).sqrt()[:, None] + 1e-5
            spectrum = torch.stft(mixture / level, FRAME, HOP, window=self.window, return_complex=True)
            patches = self._patches(spectrum)
        steps = self.take(patches)
        for block in self.blocks:
            steps = block(steps)
        offsets = self.give(self.norm(steps))
        with torch.autocast(mixture.device.type, enabled=False):
            cells = offsets.float().unflatten(2, (self.patch, BINS, 2)).flatten(1, 2)[:, : spectrum.shape[2]]
            mask = torch.view_as_complex(cells.contiguous()).transpose(1, 2)
            side = torch.istft(spectrum * mask, FRAME, HOP, window=self.window, length=mixture.shape[1]) * level
            return torch.stack([mixture / 2 + side, mixture / 2 - side], 1)

    def _patches(self, spectrum: Tensor) -> Tensor:
        """Of each cell its loudness, and its two parts with most of the loudness taken out; (batch, steps, features)."""
        parts = torch.view_as_real(spectrum)
        power = parts.square().sum(3, keepdim=True) + 1e-5
        loudness = power.log() / 4
        features = torch.cat([loudness - loudness.mean((1, 2), keepdim=True), parts * power**-0.4], 3)
        frames = features.transpose(1, 2).flatten(2)
        return F.pad(frames, (0, 0, 0, -frames.shape[1] % self.patch)).unflatten(1, (-1, self.patch)).flatten(2)
