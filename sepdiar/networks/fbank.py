"""Kaldi's filter banks: what networks trained with Kaldi's or torchaudio's features hear, computed in torch."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

RATE = 16_000
WINDOW, HOP, SIZE = 400, 160, 512
LOWEST, HIGHEST = 20.0, RATE / 2  # Hz
EMPHASIS = 0.97
FLOOR = torch.finfo(torch.float32).eps


class FilterBanks(nn.Module):
    """Logarithms of the energies in mel bands, (batch, frames, bands), of 16 kHz samples in -1 to 1, (batch, samples).

    A frame is 25 ms, begins 10 ms behind the one before it, and lies within the samples; there is no dither.
    """

    def __init__(self, bands: int = 80) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False) ** 0.85, persistent=False)
        self.register_buffer("mel", triangles(bands), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        frames = samples.unfold(1, WINDOW, HOP)
        frames = frames - frames.mean(2, keepdim=True)
        before = torch.cat([frames[:, :, :1], frames[:, :, :-1]], 2)  # the first sample counts as its own predecessor
        spectra = torch.fft.rfft((frames - EMPHASIS * before) * cast(Tensor, self.window), SIZE)
        return (torch.view_as_real(spectra).square().sum(3) @ cast(Tensor, self.mel)).clamp(min=FLOOR).log()


def triangles(bands: int) -> Tensor:
    """Triangles of equal width and of height 1 on Kaldi's mel scale, as (bins of the spectrum, bands)."""
    low, high = _mel(torch.tensor([LOWEST, HIGHEST], dtype=torch.float64))
    edges = torch.linspace(float(low), float(high), bands + 2, dtype=torch.float64)
    bins = _mel(torch.arange(SIZE // 2 + 1, dtype=torch.float64) * RATE / SIZE)[:, None]
    width = edges[1] - edges[0]
    made = torch.minimum((bins - edges[:-2]) / width, (edges[2:] - bins) / width).clamp(min=0)
    made[-1] = 0  # Kaldi leaves the last bin out
    return made.float()


def _mel(hertz: Tensor) -> Tensor:
    return 1127 * torch.log(1 + hertz / 700)
