"""A memory without recurrence, as in MossFormer2 (arXiv 2312.11825): a feed-forward sequential memory network, gated.

The names of the parts are those of the published weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.networks.gated_attention import Projection, quick_in_pictures

WIDTH = 256  # of a memory, however wide the rest is
ORDER = 20  # frames that a memory looks back, and ahead


class OverTime(nn.Conv2d):
    """Each channel made from its own few over time."""

    def __init__(self, channels: int, made: int, dilation: int) -> None:
        reach = ORDER - 1
        size, padding, spread = (2 * reach + 1, 1), (dilation * reach, 0), (dilation, 1)
        super().__init__(channels, made, size, padding=padding, dilation=spread, groups=made, bias=False)

    def forward(self, channels: Tensor) -> Tensor:
        """(batch, channels, frames, 1) to (batch, made, frames, 1).

        A CPU is quick only where every channel is by itself and no frame is left out: so the channels are added up afterwards,
        and as many frames as a dilation leaves out lie side by side.
        """
        if not quick_in_pictures(channels):
            return super().forward(channels)
        batch, width, count, _ = channels.shape
        apart = self.dilation[0]
        frames = F.pad(channels[..., 0].transpose(1, 2), (0, 0, 0, -count % apart))
        picture = frames.reshape(batch, -1, apart, width).permute(0, 3, 1, 2)
        weight = self.weight.reshape(width, 1, -1, 1)
        found = F.conv2d(picture, weight, padding=(ORDER - 1, 0), groups=width).permute(0, 2, 3, 1)
        summed = found.reshape(batch, -1, self.groups, width // self.groups).sum(3)[:, :count]
        return summed.transpose(1, 2)[..., None]


class DenseMemory(nn.Module):
    """Two convolutions over time, a channel each; the second is spread out, and hears the first and what that heard."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = OverTime(width, width, 1)
        self.norm1 = nn.InstanceNorm2d(width, affine=True)
        self.prelu1 = nn.PReLU(width)
        self.conv2 = OverTime(2 * width, width, 2)
        self.norm2 = nn.InstanceNorm2d(width, affine=True)
        self.prelu2 = nn.PReLU(width)

    def forward(self, channels: Tensor) -> Tensor:
        """(batch, width, frames, 1) to the same."""
        first = self.prelu1(self.norm1(self.conv1(channels)))
        second: Tensor = self.prelu2(self.norm2(self.conv2(torch.cat([first, channels], 1))))
        return second


class Memory(nn.Module):
    """Adds to each frame what the memory keeps of those around it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.project = nn.Linear(width, width, bias=False)
        self.conv = DenseMemory(width)

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same."""
        channels = self.project(F.relu(self.linear(frames))).transpose(1, 2)
        kept: Tensor = self.conv(channels[..., None])[..., 0]
        return frames + kept.transpose(1, 2)


class Gate(nn.Module):
    """A memory, and how much of it to let through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_u = Projection(nn.LayerNorm(width), width, width)
        self.to_v = Projection(nn.LayerNorm(width), width, width)
        self.fsmn = Memory(width)

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same."""
        through: Tensor = self.to_v(frames) * self.fsmn(self.to_u(frames))
        return frames + through


class GatedMemory(nn.Module):
    """A gated memory in a narrower place: in by one matrix, out by another."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv1d(width, WIDTH, 1), nn.PReLU())
        self.norm1 = nn.LayerNorm(WIDTH)
        self.gated_fsmn = Gate(WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.conv2 = nn.Conv1d(WIDTH, width, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same."""
        narrow = self.norm1(self.conv1(frames.transpose(1, 2)).transpose(1, 2))
        kept: Tensor = self.norm2(self.gated_fsmn(narrow))
        out: Tensor = self.conv2(kept.transpose(1, 2))
        return frames + out.transpose(1, 2)
