"""Muon in fp32 does what torch's does, and goes on where that stopped."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Muon

from sepdiar.networks.precision import has_bf16
from sepdiar.training.course import Course
from sepdiar.training.muon import Fp32Muon


def trained(
    muon: type[Muon], network: nn.Module, steps: int, kept: dict[str, Any] | None = None, loudness: float = 1.0
) -> dict[str, Any]:
    optimizer = muon(network.parameters(), lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    if kept:
        optimizer.load_state_dict(kept)
    for step in range(steps):
        heard = loudness * torch.randn(64, 24, generator=torch.Generator().manual_seed(step))
        loss = (network(heard) - heard[:, :16]).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return optimizer.state_dict()


def apart(one: nn.Module, other: nn.Module, start: nn.Module) -> float:
    """How far two are from each other, as a share of the way that the first has gone."""
    weights = [torch.cat([part.detach().flatten() for part in network.parameters()]) for network in (one, other, start)]
    return float((weights[0] - weights[1]).norm() / (weights[0] - weights[2]).norm())


@pytest.fixture
def start() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(24, 40, bias=False), nn.Linear(40, 16, bias=False))  # one matrix stands, one lies


def test_it_is_that_of_torch_but_for_rounding(start: nn.Module) -> None:
    ours, theirs = copy.deepcopy(start), copy.deepcopy(start)
    trained(Fp32Muon, ours, 20)
    trained(Muon, theirs, 20)
    assert 0 < apart(theirs, ours, start) < 0.05


def test_one_goes_on_with_what_the_other_kept(start: nn.Module) -> None:
    kept = trained(Muon, start, 5)
    theirs, ours = copy.deepcopy(start), copy.deepcopy(start)
    trained(Muon, theirs, 5, copy.deepcopy(kept), loudness=0.0)  # nothing but the momentum moves it
    trained(Fp32Muon, ours, 5, kept, loudness=0.0)
    assert apart(theirs, ours, start) < 0.05


@pytest.mark.parametrize(
    ("precision", "able", "quick"), [("auto", True, True), ("auto", False, False), ("bf16", False, True), ("fp32", True, False)]
)
def test_a_course_takes_the_one_that_its_precision_asks_for(
    precision: str, able: bool, quick: bool, start: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sepdiar.training.course.has_bf16", lambda device: able)
    course, cpu = Course(precision=precision), torch.device("cpu")
    kinds = {type(optimizer) for optimizer in course.optimizers(start, nn.Linear(40, 1), cpu)}
    assert (Muon in kinds, Fp32Muon in kinds, course.precise(cpu)) == (quick, not quick, "bf16" if quick else "fp32")


@pytest.mark.parametrize("capability, quick", [("AVX2", False), ("DEFAULT", False), ("AVX512", True)])
def test_a_processor_without_units_for_bf16_is_told_by_what_torch_says_of_it(
    capability: str, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert has_bf16(torch.device("cpu")) is quick
