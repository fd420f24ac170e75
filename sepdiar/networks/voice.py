"""A voice as a vector of length 1: what is common to a person's stretches of speech, whatever is said, however loud."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RATE = 16_000
HOP = 160
WINDOW = 400
SIZE = 512
FLOOR = 1e-4  # of the mean energy of a band: what lies deeper tells of the codec and the room rather than of the voice


class Voice(nn.Module):
    """A log-mel picture, a few layers over time and pitch, layers over time alone, and a mean that attends to what tells most.

    `dim` is the length of the vector, `picture` the channels of the first layers, `width` those of the later ones, `bands` the
    number of mel bands (a multiple of 8).
    """

    def __init__(
        self, dim: int = 192, bands: int = 64, picture: int = 24, width: int = 320, spread: tuple[int, ...] = (1, 2, 3)
    ) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("mel", mel(bands), persistent=False)
        self.first = nn.Sequential(nn.Conv2d(1, picture, 5, 2, 2, bias=False), nn.BatchNorm2d(picture), nn.ReLU())
        self.look = nn.ModuleList([Look(picture), Look(picture)])
        self.flat = nn.Sequential(nn.LayerNorm(picture * bands // 4), nn.Linear(picture * bands // 4, width))
        self.listen = nn.ModuleList([Listen(width, step) for step in spread])
        self.join = nn.Sequential(nn.LayerNorm(width * (len(spread) + 1)), nn.Linear(width * (len(spread) + 1), width), nn.ReLU())
        self.pool = Pool(width)
        self.last = nn.Sequential(nn.BatchNorm1d(2 * width), nn.Linear(2 * width, dim), nn.BatchNorm1d(dim))

    def forward(self, samples: Tensor, keep: Tensor | None = None) -> Tensor:
        """Unit vectors (batch, dim) of 16 kHz samples (batch, samples).

        `keep` (batch, samples), 1 or 0, says what to listen to: what the rest holds (another person, an overlap) has no effect.
        What is kept should last 0.3 s or more; nothing kept gives an arbitrary vector.
        """
        with torch.autocast(samples.device.type, enabled=False):
            picture = self._energy(samples.float())
            if keep is None:
                kept = torch.ones_like(picture[:, :1])
            else:  # a frame counts where all of it is kept, so that nothing else leaks in
                kept = 1 - F.max_pool1d(F.pad(1 - keep.float()[:, None], (WINDOW // 2, WINDOW // 2), value=0.0), WINDOW, HOP)
            picture = _logarithm(picture, kept)
            kept = F.max_pool1d(kept, 2, ceil_mode=True)
        flow = self.first(picture[:, None].contiguous(memory_format=torch.channels_last))
        kept = kept.to(flow.dtype)
        for look in self.look:
            flow = look(flow * kept[:, :, None])
        flow, kept = F.pad(flow, (0, flow.shape[3] % 2)), F.max_pool1d(kept, 2, ceil_mode=True).transpose(1, 2)
        heard = [self.flat(flow.permute(0, 3, 1, 2).reshape(len(flow), kept.shape[1], -1))]
        for listen in self.listen:
            heard.append(listen(heard[-1], kept))
        return F.normalize(self.last(self.pool(self.join(torch.cat(heard, 2)), kept)).float(), dim=1)

    def _energy(self, samples: Tensor) -> Tensor:
        lifted = F.pad(samples[:, 1:] - 0.97 * samples[:, :-1], (1 + WINDOW // 2, WINDOW // 2))
        frames = lifted.unfold(1, WINDOW, HOP) * cast(Tensor, self.window)
        return (torch.view_as_real(torch.fft.rfft(frames, SIZE)).square().sum(3) @ cast(Tensor, self.mel)).transpose(1, 2)


class Look(nn.Module):
    """Two convolutions over pitch, which they halve, and time, and a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(channels, channels, 3, (2, 1), 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        self.two = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))
        self.around = nn.Sequential(nn.Conv2d(channels, channels, 1, (2, 1), bias=False), nn.BatchNorm2d(channels))

    def forward(self, flow: Tensor) -> Tensor:
        return F.relu(self.two(self.one(flow)) + self.around(flow))


class Listen(nn.Module):
    """Three frames, `step` apart, through two layers; channels weighed by what the whole stretch holds; a way around."""

    def __init__(self, width: int, step: int) -> None:
        super().__init__()
        self.step = step
        self.norm = nn.LayerNorm(width)
        self.over = nn.Linear(3 * width, width)
        self.mix = nn.Linear(width, width)
        self.weigh = nn.Sequential(nn.Linear(width, width // 4), nn.ReLU(), nn.Linear(width // 4, width), nn.Sigmoid())

    def forward(self, flow: Tensor, kept: Tensor) -> Tensor:
        frames, step = flow.shape[1], self.step
        around = F.pad(self.norm(flow).to(kept.dtype) * kept, (0, 0, step, step))
        made = self.over(torch.cat([around[:, at : at + frames] for at in (0, step, 2 * step)], 2))
        made = self.mix(F.relu(made))
        mean = (made * kept).sum(1) / kept.sum(1).clamp(min=1)
        return cast(Tensor, flow + made * self.weigh(mean)[:, None])


class Pool(nn.Module):
    """Mean and spread over time; each group of channels has an attention of its own, which also sees the mean of all."""

    def __init__(self, width: int, groups: int = 8, inner: int = 96) -> None:
        super().__init__()
        self.groups = groups
        self.here = nn.Linear(width, inner)
        self.whole = nn.Linear(width, inner)
        self.score = nn.Linear(inner, groups)

    def forward(self, flow: Tensor, kept: Tensor) -> Tensor:
        whole = self.whole((flow * kept).sum(1) / kept.sum(1).clamp(min=1))
        score = self.score(torch.tanh(self.here(flow) + whole[:, None]))
        with torch.autocast(flow.device.type, enabled=False):
            weight = torch.softmax(score.float().masked_fill(kept == 0, -1e4), 1).transpose(1, 2)[:, :, None]
            parts = flow.float().reshape(*flow.shape[:2], self.groups, -1).transpose(1, 2)
            mean, square = (weight @ parts)[:, :, 0], (weight @ parts.square())[:, :, 0]
            return torch.cat([mean, (square - mean.square()).clamp(min=1e-4).sqrt()], 1).flatten(1)


def mel(bands: int) -> Tensor:
    """Triangles of equal width on the mel scale from 60 to 7600 Hz, as (bins of the spectrum, bands)."""
    low_end, high_end = (math.log10(1 + hertz / 700) for hertz in (60, 7600))
    edges = 700 * (10 ** torch.linspace(low_end, high_end, bands + 2) - 1)
    hertz = torch.linspace(0, RATE / 2, SIZE // 2 + 1)[:, None]
    low, mid, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = torch.minimum((hertz - low) / (mid - low), (high - hertz) / (high - mid)).clamp(min=0)
    return triangles / triangles.sum(0).clamp(min=1e-6)


def _logarithm(energy: Tensor, kept: Tensor) -> Tensor:
    """Log energies without the level and the colour of the stretch: every band has mean 0 over the frames kept, 0 elsewhere."""
    count = kept.sum(2, keepdim=True).clamp(min=1)
    level = (energy * kept).sum((1, 2), keepdim=True) / count / energy.shape[1]
    logarithm = torch.log(energy + FLOOR * level + 1e-12)
    mean = (logarithm * kept).sum(2, keepdim=True) / count
    return (logarithm - mean) * kept / 2
