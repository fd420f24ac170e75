"""What holds for each network of our own: what changes nothing, and that it keeps its shape on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sepdiar.networks import weights

pytestmark = pytest.mark.parametrize("kind", ["segmenter", "voice"])


@pytest.fixture
def network(kind: str, shapes: Mapping[str, Mapping[str, Any]]) -> nn.Module:
    torch.manual_seed(3)
    return weights.make(kind, shapes[kind]).eval()


@torch.no_grad()
def test_level_neighbours_and_repetition_change_nothing(network: nn.Module, samples: torch.Tensor) -> None:
    made = network(samples)
    assert torch.allclose(network(samples * 4), made, atol=2e-3)
    assert torch.allclose(network(samples * 0.25), made, atol=2e-3)
    assert torch.allclose(network(samples[:1]), made[:1], atol=1e-4)
    assert torch.equal(network(samples), made)


@torch.no_grad()
def test_silence_gives_numbers(network: nn.Module) -> None:
    assert torch.isfinite(network(torch.zeros(2, 8000))).all()


@torch.no_grad()
def test_it_is_the_same_after_the_disk(
    kind: str, network: nn.Module, shapes: Mapping[str, Mapping[str, Any]], samples: torch.Tensor, tmp_path: Path
) -> None:
    weights.write(network, kind, shapes[kind], tmp_path / "weights.safetensors")
    back = weights.read((tmp_path / "weights.safetensors").read_bytes()).eval()
    assert torch.allclose(back(samples), network(samples), atol=2e-2)
