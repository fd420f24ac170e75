"""Who speaks in each 80 ms of a window, however many they are: an encoder over mel spectra, and attractors, one a speaker.

Written from the paper: Horiguchi, Fujita, Watanabe, Xue and Garcia, "Encoder-decoder based attractors for end-to-end neural
diarization", IEEE/ACM TASLP 30, 2022. Attention makes of each step a vector that knows the whole window. One LSTM reads these
vectors, another one, which is told nothing more, gives attractors as long as it is asked; a speaker speaks where the vectors
point to his attractor. How likely a further speaker exists is read from the attractor too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.networks.segmenter import FRAME, mel_bands, spectrum
from sepdiar.networks.segmenter import HOP as SHORT

STACK, EVERY = 9, 5  # frames of 16 ms that a step sees, and from one step to the next
HOP = EVERY * SHORT


class Eend(nn.Module):
    """For each `hop` samples how likely each of some speakers speaks, and how likely each of them exists, as logits.

    Step i is centred at sample i * hop + hop // 2. The level of the window changes nothing. The speakers
    have no order: another window may number them otherwise.
    """

    hop = HOP
    mel: Tensor

    def __init__(self, width: int = 256, depth: int = 4, heads: int = 4, bands: int = 40, dropout: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("mel", torch.from_numpy(mel_bands(bands)), persistent=False)
        self.enter = nn.Sequential(nn.Linear(STACK * bands, width), nn.LayerNorm(width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, "gelu", batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.read = nn.LSTM(width, width, batch_first=True)
        self.attract = nn.LSTM(width, width, batch_first=True)
        self.exist = nn.Linear(width, 1)

    def forward(self, samples: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """(batch, samples) at 16 kHz to who of `count` speaks, (batch, steps, count), and who exists, (batch, count)."""
        steps = self.enter(self.features(samples))
        for block in self.blocks:
            steps = block(steps)
        with torch.autocast(samples.device.type, enabled=False):
            steps = self.norm(steps.float())
            attractors = self.attractors(steps, count)
            return steps @ attractors.transpose(1, 2), self.exist(attractors).squeeze(2)

    def attractors(self, steps: Tensor, count: int) -> Tensor:
        """The first `count` attractors of each window, (batch, count, width).

        The steps are read in no order, as the authors found best: another one each time in training, else always the same.
        """
        generator = None if self.training else torch.Generator().manual_seed(0)
        order = torch.randperm(steps.shape[1], generator=generator).to(steps.device)
        _, known = self.read(steps[:, order])
        found: Tensor = self.attract(steps.new_zeros(steps.shape[0], count, steps.shape[2]), known)[0]
        return found

    def features(self, samples: Tensor) -> Tensor:
        """Log mel spectra less their mean over the window, those around each step side by side: (batch, steps, features)."""
        with torch.autocast(samples.device.type, enabled=False):
            samples = samples.float()
            level = samples.square().mean(1)[:, None, None] + 1e-7
            bands = torch.log10(self.mel @ spectrum(samples, FRAME) / level + 1e-5)
            bands = bands - bands.mean(2, keepdim=True)
            beside = (STACK - EVERY) // 2
            padded = F.pad(bands, (beside, beside + -bands.shape[2] % EVERY))
            return padded.unfold(2, STACK, EVERY).transpose(1, 2).flatten(2)


def activity(network: nn.Module, samples: Tensor, most: int) -> Tensor:
    """How likely each speaker speaks, (batch, steps, most): 0 from the first on who rather does not exist."""
    talk, there = network(samples, most)
    heard: Tensor = talk.sigmoid() * (there > 0).cumprod(1)[:, None]
    return heard
