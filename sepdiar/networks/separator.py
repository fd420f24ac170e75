"""Two people who speak at once, apart: attention over patches of the spectrum and its periods, one complex mask for both."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.networks.segmenter import Block

RATE = 16_000
FRAME = 512
HOP = 256
BINS = FRAME // 2 + 1
LONG = 1024  # samples in which periods are looked for
BANDS = ((60, 500), (400, 1000), (800, 1700), (1500, 2700), (2500, 4000))  # Hz
PITCHES = (70, 450)  # Hz
LAGS = 72


class Separator(nn.Module):
    """A mixture into two sources that add up to it, in no order.

    The network says of each cell of the spectrum how far the first source lies from half of the mixture; the second lies as
    far on the other side. It sees the cells, and how strongly each band repeats itself after the period of each pitch that
    a voice can have, which is slow to learn from the cells alone. The level of the mixture changes
    nothing but that of the sources. `patch` frames make one step of the attention: few steps and wide matrices are what a
    CPU is quick at.
    """

    window: Tensor
    long_window: Tensor

    def __init__(
        self, width: int = 256, depth: int = 6, heads: int = 4, patch: int = 2, entry: int = 640, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.patch = patch
        self.register_buffer("window", torch.hann_window(FRAME).sqrt(), persistent=False)
        self.register_buffer("long_window", torch.hann_window(LONG), persistent=False)
        self.bands = [(low * LONG // RATE + 1, high * LONG // RATE + 1) for low, high in BANDS]
        slowest, fastest = (math.log10(RATE / pitch) for pitch in PITCHES)
        lags = torch.logspace(slowest, fastest, LAGS).round().long().unique()  # type: ignore[no-untyped-call]
        for number, (low, high) in enumerate(self.bands):
            waves = torch.cos(2 * math.pi / LONG * torch.arange(low, high)[:, None] * lags)
            self.register_buffer(f"waves{number}", waves, persistent=False)
        features = 3 * BINS + len(BANDS) * len(lags)
        self.take = nn.Sequential(nn.Linear(features * patch, entry), nn.GELU(), nn.Linear(entry, width))
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.give = nn.Linear(width, 2 * BINS * patch)
        nn.init.normal_(self.give.weight, std=0.02)

    def forward(self, mixture: Tensor) -> Tensor:
        """(batch, samples) at 16 kHz to (batch, 2, samples)."""
        with torch.autocast(mixture.device.type, enabled=False):
            count = mixture.shape[1]
            mixture = F.pad(mixture.float(), (0, max(0, LONG - count)))
            level = mixture.square().mean(1).sqrt()[:, None] + 1e-5
            heard = mixture / level
            spectrum = torch.stft(heard, FRAME, HOP, window=self.window, return_complex=True)
            frames = torch.cat([self._cells(spectrum), self._periods(heard)], 2)
            patches = F.pad(frames, (0, 0, 0, -frames.shape[1] % self.patch))
            patches = patches.reshape(len(patches), -1, self.patch * patches.shape[2])
        steps = self.take(patches)
        for block in self.blocks:
            steps = block(steps)
        offsets = self.give(self.norm(steps))
        with torch.autocast(mixture.device.type, enabled=False):
            cells = offsets.float().reshape(len(offsets), -1, BINS, 2)[:, : spectrum.shape[2]]
            mask = torch.view_as_complex(cells.contiguous()).transpose(1, 2)
            side = torch.istft(spectrum * mask, FRAME, HOP, window=self.window, length=mixture.shape[1]) * level
            return torch.stack([mixture / 2 + side, mixture / 2 - side], 1)[:, :, :count]

    def _cells(self, spectrum: Tensor) -> Tensor:
        """Of each cell its loudness, and its two parts with most of the loudness taken out; (batch, frames, features)."""
        parts = torch.view_as_real(spectrum)
        power = parts.square().sum(3, keepdim=True) + 1e-5
        loudness = power.log() / 4
        features = torch.cat([loudness - loudness.mean((1, 2), keepdim=True), parts * power**-0.4], 3)
        return features.transpose(1, 2).flatten(2)

    def _periods(self, heard: Tensor) -> Tensor:
        """The autocorrelation of each band, of the magnitudes, at the lags of voices; (batch, frames, features)."""
        spectrum = torch.stft(heard, LONG, HOP, window=self.long_window, return_complex=True).transpose(1, 2)
        size = (spectrum.real.square() + spectrum.imag.square() + 1e-6).sqrt()
        found = []
        for number, (low, high) in enumerate(self.bands):
            band = size[:, :, low:high]
            found.append(3 * (band @ getattr(self, f"waves{number}")) / (band.sum(2, keepdim=True) + 1e-3))
        return torch.cat(found, 2)
