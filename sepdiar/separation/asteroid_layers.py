"""Layers of asteroid's, asked of torch in another way: the same answer but for rounding, several times as quick on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GlobalNorm(nn.Module):
    """One level for all that is heard of a mixture, a gain and an offset a channel: in one go over the numbers, not in six."""

    gamma: nn.Parameter
    beta: nn.Parameter

    def forward(self, heard: Tensor, EPS: float = 1e-8) -> Tensor:
        """(batch, channels, ...) to the same."""
        return F.group_norm(heard, 1, self.gamma, self.beta, eps=EPS)


class AcrossFilters(nn.Conv2d):
    """One picture into several by filters as tall as it: a product with a matrix, in each row the filter one further on."""

    def forward(self, picture: Tensor) -> Tensor:
        """(batch, 1, rows, columns) to (batch, pictures, rows, columns)."""
        rows, reach, around = picture.shape[2], self.kernel_size[0], int(self.padding[0])
        made = torch.arange(rows + 2 * around - reach + 1, device=picture.device)
        place = torch.arange(rows, device=picture.device) - made[:, None] + around
        within = (place >= 0) & (place < reach)
        matrix = self.weight[:, 0, :, 0][:, place.clamp(0, reach - 1)] * within
        found = torch.matmul(matrix, picture)
        return found if self.bias is None else found + self.bias[:, None, None]


def quickened(network: nn.Module) -> nn.Module:
    """The same network; its layers that are quicker another way are asked in that way."""
    for layer in network.modules():
        if type(layer).__name__ == "GlobLN":
            layer.__class__ = GlobalNorm
        elif type(layer) is nn.Conv2d and _across(layer):
            layer.__class__ = AcrossFilters
    return network


def _across(layer: nn.Conv2d) -> bool:
    """Whether its filters are columns over one picture, each row of which is heard."""
    plain = layer.stride == layer.dilation == (1, 1) and layer.padding_mode == "zeros" and isinstance(layer.padding, tuple)
    return plain and layer.in_channels == 1 and layer.kernel_size[1] == 1 and layer.padding[1] == 0
