"""Gated attention with convolutions, as in MossFormer (arXiv 2302.11824): near frames by pairs, far ones by a sum over all.

The names of the parts are those of the published weights. Nothing here drops out: it is for using a network, not for training it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUP = 256  # frames that are compared pair by pair
QUERY = 128
ROTATED = 32  # of the numbers of a query, how many turn with its place
NEAR = 17  # frames of a depthwise convolution


def quick_in_pictures(numbers: Tensor) -> bool:
    """Whether convolutions are to be asked for as a CPU is quick at; in half precision, some of them never end there."""
    return numbers.device.type == "cpu" and numbers.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


class ScaleNorm(nn.Module):
    """Every frame at the same size, which is learned."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**-0.5
        self.g = nn.Parameter(torch.ones(1))

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same."""
        size = frames.norm(dim=-1, keepdim=True) * self.scale
        scaled: Tensor = frames / size.clamp(min=1e-5) * self.g
        return scaled


class Depthwise(nn.Module):
    """Each channel by itself over near frames."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, NEAR, padding=NEAR // 2, groups=width, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same.

        A CPU takes a picture of one row, channels last, which the frames are as they lie, far faster than channels in rows.
        """
        channels = frames.transpose(1, 2)
        if not quick_in_pictures(frames):
            return self.conv(channels).transpose(1, 2)  # type: ignore[no-any-return]
        found = F.conv2d(channels[:, :, None], self.conv.weight[:, :, None], padding=(0, NEAR // 2), groups=frames.shape[2])
        return found[:, :, 0].transpose(1, 2)


class Near(nn.Module):
    """Adds to each frame what its neighbours say."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sequential = nn.Sequential(nn.Identity(), Depthwise(width))

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same."""
        found: Tensor = self.sequential(frames)
        return frames + found


class Projection(nn.Module):
    """From one width to another: a norm, a matrix, and the neighbours."""

    def __init__(self, norm: nn.Module, width: int, made: int) -> None:
        super().__init__()
        self.mdl = nn.Sequential(norm, nn.Linear(width, made), nn.SiLU(), Near(made))

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to (batch, frames, made)."""
        result: Tensor = self.mdl(frames)
        return result


class Heads(nn.Module):
    """Several readings of one vector, each with its own scale and offset."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(heads, width))
        self.beta = nn.Parameter(torch.zeros(heads, width))

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to (heads, batch, frames, width)."""
        return frames * self.gamma[:, None, None] + self.beta[:, None, None]


class Rotation(nn.Module):
    """Turns pairs of numbers by angles that grow with the place, so that a product tells how far apart two frames are."""

    freqs: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("freqs", 10_000.0 ** -(torch.arange(0, ROTATED, 2) / ROTATED))

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., frames, width) to the same."""
        angles = torch.arange(vectors.shape[-2], device=vectors.device)[:, None] * self.freqs
        count = 2 * len(self.freqs)
        even, odd = vectors[..., :count:2], vectors[..., 1:count:2]
        turned = torch.stack([even * angles.cos() - odd * angles.sin(), odd * angles.cos() + even * angles.sin()], -1)
        return torch.cat([turned.flatten(-2), vectors[..., count:]], -1)


class GatedAttention(nn.Module):
    """One attention for two things at once, which then gate each other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rotary_pos_emb = Rotation()
        self.to_hidden = Projection(ScaleNorm(width), width, 4 * width)
        self.to_qk = Projection(ScaleNorm(width), width, QUERY)
        self.qk_offset_scale = Heads(QUERY, 4)
        self.to_out = Projection(ScaleNorm(2 * width), 2 * width, width)

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, width) to the same."""
        late, same = frames.chunk(2, dim=-1)
        shifted = torch.cat([F.pad(late, (0, 0, 1, -1)), same], -1)
        hidden = self.to_hidden(shifted)
        heads = self.rotary_pos_emb(self.qk_offset_scale(self.to_qk(shifted)))
        value, gate = hidden.chunk(2, dim=-1)
        seen_value, seen_gate = _attend(heads, hidden).chunk(2, dim=-1)
        out: Tensor = self.to_out(seen_gate * value * torch.sigmoid(seen_value * gate))
        return frames + out


def _attend(heads: Tensor, hidden: Tensor) -> Tensor:
    """What each frame sees of the others: within its group weighed by squared likeness, beyond by one matrix for all."""
    batch, count, width = hidden.shape
    padding = (0, 0, 0, -count % GROUP)
    near_query, far_query, near_key, far_key = F.pad(heads, padding).reshape(4, batch, -1, GROUP, QUERY)
    grouped = F.pad(hidden, padding).reshape(batch, -1, GROUP, width)
    likeness = F.relu(near_query @ near_key.transpose(-1, -2) / GROUP).square()
    far = far_key.flatten(1, 2).transpose(1, 2) @ grouped.flatten(1, 2) / count
    seen: Tensor = likeness @ grouped + far_query @ far[:, None]
    return seen.flatten(1, 2)[:, :count]
