"""How a training goes: the table [training] of a recipe, its learning rate over the steps, and its optimisers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from sepdiar.errors import SepdiarError
from sepdiar.networks.precision import PRECISIONS, has_bf16
from sepdiar.training.muon import Fp32Muon

NARROW = 16  # a matrix with a side below this is no matter for Muon


@dataclass(frozen=True)
class Course:
    """The table [training] of a recipe.

    `optimizer` is `muon` (matrices by Muon at `muon_rate`, scaled to be comparable with AdamW; the rest by AdamW at `rate`)
    or `adamw`. AdamW also keeps the matrices whose names hold one of `aside`. The rate rises over `warmup` steps, stays, and
    falls to zero over the last share `decay`. `average` is the decay of the moving average of the weights, which is what is
    evaluated and shipped. Steps with a gradient that is not finite are skipped. `workers` above 1 draw batches in processes.
    `precision` is `bf16`, `fp32`, or `auto`: bf16 where the device is quick with it.
    """

    steps: int = 20_000
    seed: int = 0
    optimizer: str = "muon"
    rate: float = 1e-3
    muon_rate: float = 1e-3
    weight_decay: float = 0.01
    aside: tuple[str, ...] = ()
    warmup: int = 300
    decay: float = 0.3
    clip: float = 1.0
    average: float = 0.999
    precision: str = "auto"
    compile: bool = False
    evaluate_every: int = 1000
    log_every: int = 50
    save_minutes: float = 5.0
    workers: int = 1

    def __post_init__(self) -> None:
        for key, fine in (
            ("optimizer", self.optimizer in ("muon", "adamw")),
            ("precision", self.precision in PRECISIONS),
            ("decay", 0 <= self.decay <= 1),
            ("average", 0 <= self.average < 1),
            *((key, getattr(self, key) > 0) for key in ("steps", "rate", "muon_rate", "clip", "evaluate_every", "log_every")),
        ):
            if not fine:
                raise SepdiarError("SD202", repr(getattr(self, key)), where=f"training.{key}")

    @property
    def falls_from(self) -> int:
        """The step from which the rate falls."""
        return round(self.steps * (1 - self.decay))

    def factor(self, step: int) -> float:
        """The learning rate of a step, against its full height.

        >>> course = Course(steps=100, warmup=10, decay=0.5)
        >>> course.factor(0), course.factor(30), course.factor(75), course.factor(99)
        (0.1, 1.0, 0.5, 0.02)
        """
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        fall = min(1.0, (self.steps - step) / max(1, self.steps - self.falls_from))
        return rise * fall

    def precise(self, device: torch.device) -> str:
        """The precision on a device: `bf16` or `fp32`."""
        return self.precision if self.precision != "auto" else "bf16" if has_bf16(device) else "fp32"

    def optimizers(self, network: nn.Module, heads: nn.Module, device: torch.device) -> list[Optimizer]:
        """One or two optimisers; each group keeps its full rate as `full`."""
        tables = {id(module.weight) for module in network.modules() if isinstance(module, (nn.Embedding, nn.EmbeddingBag))}
        matrices: list[nn.Parameter] = []
        weights: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in [*network.named_parameters(), *heads.named_parameters(prefix="heads")]:
            if not parameter.requires_grad:
                continue
            fit = parameter.ndim == 2 and min(parameter.shape) >= NARROW and id(parameter) not in tables
            if self.optimizer == "muon" and fit and not any(part in name for part in (*self.aside, "heads.")):
                matrices.append(parameter)
            else:
                (weights if parameter.ndim >= 2 else others).append(parameter)
        groups = [{"params": weights, "weight_decay": self.weight_decay}, {"params": others, "weight_decay": 0.0}]
        made: list[Optimizer] = [AdamW([group for group in groups if group["params"]], lr=self.rate, betas=(0.9, 0.98))]
        if matrices:
            muon = Muon if self.precise(device) == "bf16" else Fp32Muon
            made.append(muon(matrices, lr=self.muon_rate, weight_decay=self.weight_decay, adjust_lr_fn="match_rms_adamw"))
        for optimizer in made:
            for group in optimizer.param_groups:
                group["full"] = group["lr"]
        return made


def set_rate(optimizers: list[Optimizer], factor: float) -> None:
    """Every group at `factor` of its full rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["full"] * factor


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, share: float) -> None:
    """Move the averaged weights by `share` towards those of the network; so are statistics, counts are copied."""
    for own, new in zip(average.parameters(), network.parameters(), strict=True):
        own.lerp_(new, share)
    for kept, seen in zip(average.buffers(), network.buffers(), strict=True):
        kept.lerp_(seen, share) if kept.is_floating_point() else kept.copy_(seen)
