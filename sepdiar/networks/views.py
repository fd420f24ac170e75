"""A separator of two that hears a mixture more than once, each time a little otherwise: the mean is nearer to the truth."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

VIEWS = ((1, 0), (-1, 0), (1, 256), (-1, 256))
"""What is heard, by turns: the mixture as it is or with its sign turned, so many samples later."""


class Views(nn.Module):
    """Two sources as the mean of the first `count` views, those of each in the order that is nearest to the first's."""

    def __init__(self, network: nn.Module, count: int = 2) -> None:
        super().__init__()
        self.network, self.count = network, count

    def forward(self, mixture: Tensor) -> Tensor:
        """(batch, samples) to (batch, 2, samples)."""
        first, *others = (self._heard(mixture, sign, later) for sign, later in VIEWS[: self.count])
        made = first
        for other in others:
            turned = other.flip(1)
            nearer = (turned - first).square().sum((1, 2)) < (other - first).square().sum((1, 2))
            made = made + turned.where(nearer[:, None, None], other)
        return made / self.count

    def _heard(self, mixture: Tensor, sign: int, later: int) -> Tensor:
        sources: Tensor = self.network(sign * F.pad(mixture, (later, 0)))
        return sign * sources[:, :, later:]
