"""Muon for devices that are slow in bf16."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor
from torch.optim import Muon


class Fp32Muon(Muon):
    """torch's Muon with the matrix products in fp32: torch's own are in bf16 on every device.

    What it keeps is the same, so that a training may go on with the other one. Steps are scaled as torch's are with
    `adjust_lr_fn="match_rms_adamw"`, whatever was asked for.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; what `closure` computes, its gradients too, comes before it."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                kept = self.state[matrix]
                if "momentum_buffer" not in kept:
                    kept["momentum_buffer"] = torch.zeros_like(matrix.grad)
                mean = kept["momentum_buffer"].lerp_(matrix.grad, 1 - group["momentum"])
                ahead = matrix.grad.lerp(mean, group["momentum"]) if group["nesterov"] else mean
                way = _straightened(ahead, group["ns_coefficients"], group["ns_steps"], group["eps"])
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(way, alpha=-0.2 * sqrt(max(matrix.shape)) * group["lr"])
        return loss


def _straightened(matrix: Tensor, weights: tuple[float, float, float], steps: int, least: float) -> Tensor:
    """Nearly the orthogonal matrix that is nearest, by Newton and Schulz's iteration of an odd polynomial of `weights`."""
    first, third, fifth = weights
    lying = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    made = lying / lying.norm().clamp(min=least)
    for _ in range(steps):
        square = made @ made.T
        made = first * made + (third * square + fifth * square @ square) @ made
    straight: Tensor = made.T if lying is not matrix else made
    return straight
