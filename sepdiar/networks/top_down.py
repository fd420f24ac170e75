"""What a TDANet repeats: sound at several speeds at once, a summary of all of them, and the way back down that it directs.

The names of the parts are those of the published weights. `frames` are (batch, channels, frames) throughout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = 8


class Norm(nn.Module):
    """One level for all channels and frames of a mixture, then a gain and an offset for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, frames: Tensor) -> Tensor:
        """The same shape."""
        return F.group_norm(frames, 1, self.gamma, self.beta, eps=1e-8)


class Filtered(nn.Module):
    """A convolution and a norm."""

    def __init__(self, width: int, out: int, kernel: int, stride: int = 1, groups: int = 1, bias: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, out, kernel, stride, kernel // 2, groups=groups, bias=bias)
        self.norm = Norm(out)

    def forward(self, frames: Tensor) -> Tensor:
        """As many frames, or every `stride`th.

        A channel by itself and frame by frame is a factor, which torch is slower to find as a convolution.
        """
        conv = self.conv
        if conv.kernel_size == conv.stride == (1,) and conv.groups == conv.in_channels == conv.out_channels and conv.bias is None:
            return self.norm(frames * conv.weight[:, 0])  # type: ignore[no-any-return]
        made: Tensor = self.norm(conv(frames))
        return made


class Bent(Filtered):
    """A convolution, a norm, and what is negative made smaller."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__(width, out, 1, bias=True)
        self.act = nn.PReLU()

    def forward(self, frames: Tensor) -> Tensor:
        """As many frames."""
        made: Tensor = self.act(super().forward(frames))
        return made


class Attention(nn.Module):
    """The attention of the published weights, in which a frame attends to itself alone.

    The paper has frames attend to one another. Its authors' program hands them to torch as if the batch were the time, and is
    set to train and to separate with one mixture at a time: so that is what the weights know. Given several at once it lets
    each hear the others, which this does not.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn_in_norm = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, HEADS)
        self.norm = nn.LayerNorm(width)

    def forward(self, frames: Tensor) -> Tensor:
        """The same shape."""
        batch, width, count = frames.shape
        steps = self.attn_in_norm(frames.transpose(1, 2)) + places(count, width).to(frames)
        alone = steps.reshape(1, batch * count, width)
        heard = self.attn(alone, alone, alone, need_weights=False)[0].view(batch, count, width)
        made: Tensor = self.norm(2 * heard)  # twice: what was heard is added to itself, and the norm has a floor
        return made.transpose(1, 2)


def places(count: int, width: int) -> Tensor:
    """Where each of `count` frames is, as sines and cosines in turn: (count, width)."""
    speeds = torch.exp(torch.arange(0, width, 2, dtype=torch.float) * -(math.log(10_000.0) / width))
    angles = torch.arange(count)[:, None].float() * speeds
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class Mixing(nn.Module):
    """Channels mixed with one another, and with the two frames before and behind."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Filtered(width, hidden, 1)
        self.dwconv = nn.Conv1d(hidden, hidden, 5, padding=2, groups=hidden)
        self.fc2 = Filtered(hidden, width, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """The same shape."""
        made: Tensor = self.fc2(F.relu(self.dwconv(self.fc1(frames))))
        return made


class Summary(nn.Module):
    """What the slowest speed makes of all the others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = Attention(width)
        self.mlp = Mixing(width, 2 * width)

    def forward(self, frames: Tensor) -> Tensor:
        """The same shape."""
        frames = frames + self.attn(frames)
        made: Tensor = frames + self.mlp(frames)
        return made


class Direction(nn.Module):
    """Frames of one speed let through, and added to, as those of another direct."""

    def __init__(self, width: int, kernel: int = 1) -> None:
        super().__init__()
        self.local_embedding = Filtered(width, width, kernel, groups=width)
        self.global_embedding = Filtered(width, width, kernel, groups=width)
        self.global_act = Filtered(width, width, kernel, groups=width)

    def forward(self, local: Tensor, directing: Tensor) -> Tensor:
        """The shape of `local`."""
        count = local.shape[2]
        gate = F.interpolate(self.global_act(directing).sigmoid(), count)
        made: Tensor = self.local_embedding(local) * gate + F.interpolate(self.global_embedding(directing), count)
        return made


class TopDown(nn.Module):
    """One pass: down to `depth` speeds, each half the one before; a summary; and up again. Adds to what it is given."""

    def __init__(self, outer: int, width: int, depth: int) -> None:
        super().__init__()
        self.proj_1x1 = Bent(outer, width)
        strides = [1] + [2] * (depth - 1)
        self.spp_dw = nn.ModuleList(Filtered(width, width, 5, stride, groups=width, bias=True) for stride in strides)
        self.globalatt = Summary(width)
        self.loc_glo_fus = nn.ModuleList(Direction(width) for _ in strides)
        self.last_layer = nn.ModuleList(Direction(width, 5) for _ in strides[1:])
        self.res_conv = nn.Conv1d(width, outer, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """The same shape."""
        speed: Tensor = self.proj_1x1(frames)
        speeds: list[Tensor] = []
        for down in self.spp_dw:
            speed = down(speed)
            speeds.append(speed)
        summary = self.globalatt(sum(F.adaptive_avg_pool1d(each, speed.shape[2]) for each in speeds))
        directed = [direct(each, summary) for direct, each in zip(self.loc_glo_fus, speeds, strict=True)]
        made = directed[len(directed) - 3]  # not the slowest, which speaks in the summary only: so the weights were trained
        for up, each in zip(reversed(self.last_layer), reversed(directed[:-1]), strict=True):
            made = up(each, made)
        added: Tensor = frames + self.res_conv(made)
        return added
