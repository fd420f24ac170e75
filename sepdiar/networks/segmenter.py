"""Who speaks in each 16 ms of a short window: spectra, convolutions down to 64 ms, attention over the window, and back up."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SPEAKERS = 3  # local ones: of a window, in no order
CLASSES = ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2))  # who speaks, at most two at once
RATE = 16_000
HOP = 256
FRAME, LONG = 512, 1024  # samples of the two spectra: one for edges, one that shows the pitch
PITCH = slice(4, 68)  # bins of the long one, 60 Hz to 1 kHz
STRIDE = 4  # frames in one step of the attention


class Segmenter(nn.Module):
    """Log-probabilities of `CLASSES` for each `hop` samples; frame i is centred at sample i * hop + hop // 2.

    The level of the window changes nothing. The speakers have no order: another window may number them otherwise.
    """

    hop = HOP
    mel: Tensor

    def __init__(
        self,
        width: int = 256,
        depth: int = 4,
        heads: int = 4,
        bands: int = 80,
        stem: int = 128,
        dropout: float = 0.1,
        finer: int = 0,
    ) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("mel", torch.from_numpy(mel_bands(bands)), persistent=False)
        bands += PITCH.stop - PITCH.start
        self.fine = nn.Sequential(nn.BatchNorm1d(bands), nn.Conv1d(bands, stem, 5, padding=2), nn.GELU())
        self.coarse = nn.Sequential(
            nn.BatchNorm1d(stem),
            nn.Conv1d(stem, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2),
        )
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, STRIDE * stem)
        self.edges = nn.Sequential(
            nn.Conv1d(2 * stem, stem, 5, padding=2), nn.GELU(), nn.Conv1d(stem, len(CLASSES), 5, padding=2)
        )
        reach = (2 ** (n % 4) for n in range(finer))
        self.finer = nn.ModuleList(nn.Conv1d(stem, stem, 5, padding=2 * far, dilation=far) for far in reach)

    def forward(self, samples: Tensor) -> Tensor:
        """(batch, samples) at 16 kHz to (batch, frames, classes), one frame for each hop begun."""
        return self.follow(samples)[0]

    def follow(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """The log-probabilities, and what the network knows of the voices half way up: (batch, frames / 4, width)."""
        frames = -(-samples.shape[1] // HOP)
        fine = self.fine(F.pad(self.features(samples), (0, -frames % STRIDE)))
        steps = self.coarse(fine).transpose(1, 2)
        voices = steps
        for number, block in enumerate(self.blocks, 1):
            steps = block(steps)
            if number == len(self.blocks) // 2:
                voices = steps
        raised = self.up(self.norm(steps)).unflatten(2, (STRIDE, -1)).flatten(1, 2).transpose(1, 2)
        first, bend, last = self.edges
        found = first(torch.cat([fine, raised], 1))
        for layer in self.finer:  # each looks twice as far as the one before, every fourth begins anew
            found = found + layer(bend(found))
        logits = last(bend(found))[:, :, :frames]
        return logits.float().log_softmax(1).transpose(1, 2), voices

    def features(self, samples: Tensor) -> Tensor:
        """Two log spectra, against the mean power of the window, as (batch, bands, frames): mel bands, then low and fine ones."""
        with torch.autocast(samples.device.type, enabled=False):
            samples = samples.float()
            power = torch.cat([self.mel @ spectrum(samples, FRAME), spectrum(samples, LONG)[:, PITCH]], 1)
            level = samples.square().mean(1)[:, None, None] + 1e-7
            return torch.log10(power / level + 1e-5)


class Block(nn.Module):
    """Convolution, attention over the window, and two layers by themselves, each added to what comes in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.gate = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, 9, padding=4, groups=width)
        self.mix = nn.Linear(width, width)
        self.ask = nn.Linear(width, 3 * width)
        self.answer = nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, steps: Tensor) -> Tensor:
        """(batch, steps, width) to the same."""
        near = F.glu(self.gate(self.norms[0](steps)), 2).transpose(1, 2)
        steps = steps + self.kept(self.mix(F.gelu(self.depthwise(near)).transpose(1, 2)))
        query, key, value = self.ask(self.norms[1](steps)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(2, 3) / math.sqrt(query.shape[3])).softmax(3)
        seen = (weights.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        steps = steps + self.kept(self.answer(seen))
        return steps + self.kept(self.think(self.norms[2](steps)))

    def kept(self, steps: Tensor) -> Tensor:
        """In training, some of the channels, each for the whole window or not at all: far cheaper than frame by frame."""
        if not self.training or not self.dropout:
            return steps
        return steps * F.dropout(steps.new_ones(steps.shape[0], 1, steps.shape[2]), self.dropout)


def spectrum(samples: Tensor, size: int) -> Tensor:
    """The power of each bin, (batch, bins, frames), of `size` samples around the middle of each hop."""
    beside = (size - HOP) // 2
    padded = F.pad(samples, (beside, beside + -samples.shape[1] % HOP))
    window = torch.hann_window(size, device=samples.device)
    found = torch.stft(padded, size, HOP, window=window, center=False, return_complex=True)
    return found.real.square() + found.imag.square()


def activity(chances: Tensor) -> Tensor:
    """How likely each local speaker speaks, (..., speakers), from the log-probabilities of the classes."""
    members = torch.tensor([[speaker in who for speaker in range(SPEAKERS)] for who in CLASSES], dtype=chances.dtype)
    return chances.exp() @ members.to(chances.device)


def mel_bands(bands: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Triangles evenly spaced on the mel scale from 40 Hz to 7.8 kHz, as (bands, bins)."""
    mel = np.linspace(2595 * np.log10(1 + 40 / 700), 2595 * np.log10(1 + 7800 / 700), bands + 2)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    hertz[1:] = np.maximum(hertz[1:], hertz[:-1] + RATE / FRAME / 2)
    bins = np.arange(FRAME // 2 + 1) * RATE / FRAME
    rise = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    fall = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    shape = np.clip(np.minimum(rise, fall), 0, None)
    bands_of_power: np.ndarray[tuple[int, int], np.dtype[np.float32]] = (shape / shape.sum(1, keepdims=True)).astype(np.float32)
    return bands_of_power
