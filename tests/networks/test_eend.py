"""The network with attractors: what goes in and out, where a step is heard, and how many speakers it counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from sepdiar.networks import weights
from sepdiar.networks.eend import HOP, STACK, Eend, activity


@pytest.fixture
def network(shapes: Mapping[str, Mapping[str, Any]]) -> Eend:
    torch.manual_seed(3)
    return Eend(**shapes["eend"]).eval()


@pytest.mark.parametrize("length", [1, HOP, HOP + 1, 5 * HOP, 16_000])
@torch.no_grad()
def test_a_step_for_each_hop_begun(network: Eend, length: int) -> None:
    talk, there = network(torch.zeros(2, length), 5)
    assert talk.shape == (2, -(-length // HOP), 5)
    assert there.shape == (2, 5)


@torch.no_grad()
def test_a_step_is_heard_at_its_middle(network: Eend) -> None:
    for step in (3, 8):
        click = torch.zeros(1, 12 * HOP)
        click[0, step * HOP + HOP // 2] = 1.0
        stacks = network.features(click)[0].unflatten(1, (-1, STACK)).mean(1)
        assert int(stacks[step].argmax()) == STACK // 2
        assert int(stacks[:, STACK // 2].argmax()) == step


@torch.no_grad()
def test_neither_the_level_nor_the_other_windows_change_anything(network: Eend, samples: torch.Tensor) -> None:
    talk, there = network(samples, 3)
    alone, exists = network(0.1 * samples[1:2], 3)
    assert torch.allclose(talk[1:2], alone, atol=1e-3)
    assert torch.allclose(there[1:2], exists, atol=1e-3)


@torch.no_grad()
def test_attractors_come_one_after_the_other(network: Eend, samples: torch.Tensor) -> None:
    assert torch.allclose(network(samples, 2)[0], network(samples, 5)[0][:, :, :2], atol=1e-6)


@torch.no_grad()
def test_steps_are_read_in_another_order_in_training_only(network: Eend, samples: torch.Tensor) -> None:
    assert torch.equal(network(samples, 2)[1], network(samples, 2)[1])
    network.training = True  # the blocks do as they did: no dropout
    assert not torch.allclose(network(samples, 2)[1], network(samples, 2)[1], atol=1e-6)


@pytest.mark.parametrize("count", range(5))
@torch.no_grad()
def test_speakers_are_counted_up_to_the_first_who_does_not_exist(network: Eend, samples: torch.Tensor, count: int) -> None:
    kept: list[torch.Tensor] = []
    network.exist.register_forward_hook(lambda module, given, made: kept.append(given[0][0]))
    for parameter in network.attract.parameters():
        parameter *= 3  # attractors that differ
    talk = network(samples[:1], 5)[0]
    wanted = torch.tensor([-1.0 if place == count else 1.0 for place in range(5)])  # one does not exist, all others do
    network.exist.bias.zero_()
    network.exist.weight.copy_(torch.linalg.lstsq(kept[0].double(), wanted.double()[:, None]).solution.T.float())
    assert torch.equal(network(samples[:1], 5)[1][0] > 0, wanted > 0)
    heard = activity(network, samples[:1], 5)
    assert torch.allclose(heard[:, :, :count], talk[:, :, :count].sigmoid(), atol=1e-6)
    assert not heard[:, :, count:].any()


@torch.no_grad()
def test_it_is_the_same_after_the_disk(
    network: Eend, shapes: Mapping[str, Mapping[str, Any]], samples: torch.Tensor, tmp_path: Path
) -> None:
    weights.write(network, "eend", shapes["eend"], tmp_path / "weights.safetensors")
    back = weights.read((tmp_path / "weights.safetensors").read_bytes()).eval()
    assert torch.allclose(back(samples, 3)[0], network(samples, 3)[0], atol=2e-2)
