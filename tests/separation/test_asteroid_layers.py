from __future__ import annotations

import pytest
import torch
from torch import nn

from sepdiar.separation.asteroid_layers import AcrossFilters, GlobalNorm, quickened


class GlobLN(nn.Module):
    """A layer of the name and the numbers of asteroid's, written out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.randn(width)), nn.Parameter(torch.randn(width))

    def forward(self, heard: torch.Tensor) -> torch.Tensor:
        axes = tuple(range(1, heard.ndim))
        apart = heard - heard.mean(axes, keepdim=True)
        level = (apart.square().mean(axes, keepdim=True) + 1e-8).sqrt()
        return (self.gamma * (apart / level).transpose(1, -1) + self.beta).transpose(1, -1)


@pytest.mark.parametrize("shape", [(2, 5, 40), (1, 5, 7, 9)])
def test_a_norm_over_everything_is_the_same(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    heard = 3 + torch.randn(shape)
    network = nn.Sequential(GlobLN(5))
    expected = network(heard)
    quick = quickened(network)
    assert type(network[0]) is GlobalNorm
    assert torch.allclose(quick(heard), expected, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("rows", "reach", "around"), [(16, 17, 8), (16, 5, 0), (7, 9, 4), (6, 6, 3), (1, 1, 0), (4, 3, 5)])
def test_filters_across_a_picture_are_those_of_torch(rows: int, reach: int, around: int, bias: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 3, (reach, 1), padding=(around, 0), bias=bias))
    picture = torch.randn(2, 1, rows, 11)
    expected = network(picture)
    quick = quickened(network)
    assert type(network[0]) is AcrossFilters
    assert torch.allclose(quick(picture), expected, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 2, (3, 1), padding=(1, 0)),
        nn.Conv2d(1, 2, 3, padding=1),
        nn.Conv2d(1, 2, (3, 1), stride=(2, 1)),
        nn.Conv2d(1, 2, (3, 1), dilation=(2, 1)),
        nn.Conv2d(1, 2, (3, 1), padding=(1, 1)),
        nn.Conv2d(1, 2, (3, 1), padding=(1, 0), padding_mode="circular"),
        nn.Conv2d(1, 2, (3, 1), padding="same"),
        nn.Conv1d(1, 2, 3),
        nn.GroupNorm(1, 4),
    ],
)
def test_other_layers_stay_as_they_are(layer: nn.Module) -> None:
    kind = type(layer)
    quickened(nn.Sequential(layer))
    assert type(layer) is kind
