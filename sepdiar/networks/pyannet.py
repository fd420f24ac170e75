"""PyanNet (Bredin and Laurent 2021; its sets of speakers: Plaquet and Bredin 2023), by pyannote's published weights.

Learnt band-pass filters on the samples (SincNet), two convolutions, an LSTM of four layers in both directions, and a decision for
each 17 ms: which set of up to three local speakers is heard, at most two at once. The parts are called as in the published
weights, so that nothing but torch is needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.errors import SepdiarError
from sepdiar.networks.segmenter import CLASSES

MODEL, FILE = "pyannote-segmentation-3.0", "pytorch_model.bin"
RATE = 16_000
HOP, REACH = 270, 991  # samples from one frame to the next, and that a frame sees
BEFORE = (REACH - HOP) // 2  # samples that a frame sees before its own hop begins
FILTERS, KERNEL, STRIDE = 80, 251, 10  # of the first layer
LOWEST = 50.0  # Hz, that a filter begins at and that it is wide, at least


class PyanNet(nn.Module):
    """Log-probabilities of `CLASSES`, (batch, frames, 7), of 16 kHz samples (batch, samples); the level changes nothing.

    Frame i sees samples i * 270 to i * 270 + 991. The speakers have no order: another window may number them otherwise.
    """

    def __init__(self, channels: int = 60, width: int = 128, depth: int = 4, linear: int = 2) -> None:
        super().__init__()
        self.sincnet = SincNet(channels)
        self.lstm = nn.LSTM(channels, width, depth, batch_first=True, bidirectional=True)
        self.linear = nn.ModuleList(nn.Linear(width if number else 2 * width, width) for number in range(linear))
        self.classifier = nn.Linear(width, len(CLASSES))

    def forward(self, samples: Tensor) -> Tensor:
        frames, _ = self.lstm(self.sincnet(samples[:, None]).transpose(1, 2))
        for layer in self.linear:
            frames = F.leaky_relu(layer(frames))
        return cast(Tensor, self.classifier(frames)).log_softmax(2)

    def framed(self, samples: Tensor) -> Tensor:
        """The same with silence around the samples: one frame for each whole hop, centred in it."""
        return cast(Tensor, self(F.pad(samples, (BEFORE, REACH - HOP - BEFORE))))


class SincNet(nn.Module):
    """Samples (batch, 1, samples) to features (batch, channels, frames)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        self.conv1d = nn.ModuleList([Bands(), nn.Conv1d(FILTERS, channels, 5), nn.Conv1d(channels, channels, 5)])
        self.norm1d = nn.ModuleList(nn.InstanceNorm1d(size, affine=True) for size in (FILTERS, channels, channels))

    def forward(self, samples: Tensor) -> Tensor:
        flow: Tensor = self.wav_norm1d(samples)
        for convolve, norm in zip(self.conv1d, self.norm1d, strict=True):
            flow = F.leaky_relu(norm(F.max_pool1d(convolve(flow), 3)))
        return flow


class Bands(nn.Module):
    """The size of what comes through each band-pass filter, even ones first, then odd ones."""

    def __init__(self) -> None:
        super().__init__()
        self.filterbank = Sincs()

    def forward(self, samples: Tensor) -> Tensor:
        return F.conv1d(samples, self.filterbank(), stride=STRIDE).abs()


class Sincs(nn.Module):
    """Band-pass filters (80, 1, 251), of which their lower edge and their width were learnt."""

    def __init__(self) -> None:
        super().__init__()
        edges = 700 * (10 ** (torch.linspace(_mel(30.0), _mel(RATE / 2 - 2 * LOWEST), FILTERS // 2 + 1) / 2595) - 1)
        self.low_hz_ = nn.Parameter(edges[:-1, None])
        self.band_hz_ = nn.Parameter(edges.diff()[:, None])
        half = KERNEL // 2
        self.register_buffer("window_", torch.hamming_window(KERNEL, periodic=False)[:half])
        self.register_buffer("n_", 2 * math.pi * torch.arange(-half, 0.0)[None] / RATE)

    def forward(self) -> Tensor:
        times, window = cast(Tensor, self.n_), cast(Tensor, self.window_)
        low = LOWEST + self.low_hz_.abs()
        high = (low + LOWEST + self.band_hz_.abs()).clamp(LOWEST, RATE / 2)
        width = 2 * (high - low)
        even = (torch.sin(high @ times) - torch.sin(low @ times)) / (times / 2) * window
        odd = (torch.cos(low @ times) - torch.cos(high @ times)) / (times / 2) * window
        filters = [torch.cat([even, width, even.flip(1)], 1), torch.cat([odd, torch.zeros_like(width), -odd.flip(1)], 1)]
        return torch.cat([each / width for each in filters])[:, None]


def load(model: str = MODEL, path: str = "", device: str = "cpu") -> tuple[PyanNet, str]:
    """The network that was pulled, or that lies in `path`, ready to work, and the hash of its weights."""
    from sepdiar.models.published import in_folder, pulled, weights
    from sepdiar.networks.pyannote import TASKS, TRAINED

    found = in_folder(path, [FILE]) if path else pulled(model, [FILE])
    tensors, _ = weights(found.files[FILE], TASKS)
    kept = {name: value for name, value in tensors.items() if not name.startswith(TRAINED)}
    return filled(kept, found.files[FILE]).to(device), found.sha256


def filled(tensors: Mapping[str, Tensor], where: Path) -> PyanNet:
    """The network with these weights, ready to work; SD251 where they are of another one."""
    network = PyanNet()
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        what = f"no weights of segmentation-3.0: {str(error).splitlines()[-1].strip()}"
        raise SepdiarError("SD251", what, where=str(where), hint=f"sepdiar models pull {MODEL}") from error
    return network.eval()


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
