"""A separator of two that hears a mixture more than once, each time a little otherwise: the mean is nearer to the truth."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VIEWS = ((1, 1.0), (1, 1.12), (-1, 0.9), (-1, 1.0), (1, 0.94), (-1, 1.06))
"""What is heard, by turns: the mixture as it is or with its sign turned, as a tape would play it that runs so much faster."""

EDGE = 512  # samples of silence at both ends, since what is played faster goes round in a circle
GRAIN = 256  # lengths are multiples of it, which suits the Fourier transform


class Views(nn.Module):
    """A separator whose sources add up to the mixture: how far they lie from half of it is the mean of the first `count` views.

    Each view counts in the order of the sources that is nearest to the first's; where views differ, the sources stay together.
    What a view cannot hold, since it runs too fast, it takes from the first.
    """

    def __init__(self, network: nn.Module, count: int = 3) -> None:
        super().__init__()
        self.network, self.count = network, count

    def forward(self, mixture: Tensor) -> Tensor:
        """(batch, samples) to (batch, 2, samples)."""
        first = self._offset(mixture)
        offset = first
        for sign, speed in VIEWS[1 : self.count]:
            if speed == 1.0:
                other, held = sign * self._offset(sign * mixture), first
            else:
                played = at_speed(sign * mixture, speed)
                other = sign * at_usual(self._offset(played), mixture.shape[1])
                held = at_usual(at_speed(first, speed), mixture.shape[1])
            order = torch.where((held * other).sum(1, keepdim=True) < 0, -1, 1)
            offset = offset + order * other + (first - held)
        half, offset = mixture / 2, offset / self.count
        return torch.stack([half + offset, half - offset], 1)

    def _offset(self, mixture: Tensor) -> Tensor:
        sources: Tensor = self.network(mixture).float()
        return (sources[:, 0] - sources[:, 1]) / 2


def at_speed(samples: Tensor, speed: float) -> Tensor:
    """As a tape would play it so much faster, with a little silence at both ends."""
    padded = F.pad(samples, (EDGE, _after(samples.shape[1])))
    return resampled(padded, round(padded.shape[1] / speed / GRAIN) * GRAIN)


def at_usual(played: Tensor, count: int) -> Tensor:
    """The `count` samples again that were played at another speed."""
    return resampled(played, EDGE + count + _after(count))[:, EDGE : EDGE + count]


def _after(count: int) -> int:
    return EDGE + -count % GRAIN


def resampled(samples: Tensor, count: int) -> Tensor:
    """As many samples for the same time, along the last axis: what `count` samples cannot hold of the spectrum is left out."""
    had = samples.shape[-1]
    spectrum = torch.fft.rfft(samples)
    bins = count // 2 + 1
    spectrum = spectrum[..., :bins] if bins < spectrum.shape[-1] else F.pad(spectrum, (0, bins - spectrum.shape[-1]))
    made: Tensor = torch.fft.irfft(spectrum, count) * (count / had)
    return made
