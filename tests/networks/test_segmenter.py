"""The segmenter: what goes in and out, what changes nothing, and that it keeps its shape on disk."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from sepdiar.networks import weights
from sepdiar.networks.segmenter import CLASSES, HOP, SPEAKERS, Segmenter, activity, mel_bands

SMALL = {"width": 32, "depth": 2, "heads": 2, "bands": 40, "stem": 16}


@pytest.fixture(scope="module")
def network() -> Segmenter:
    torch.manual_seed(3)
    return Segmenter(**SMALL).eval()


@pytest.fixture(scope="module")
def samples() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((2, 20_000), np.float32) * np.float32(0.05))


@pytest.mark.parametrize("length", [1, HOP, HOP + 1, 5 * HOP, 16_000, 16_001])
@torch.no_grad()
def test_a_frame_for_each_hop_begun(network: Segmenter, length: int) -> None:
    chances = network(torch.zeros(1, length))
    assert chances.shape == (1, -(-length // HOP), len(CLASSES))
    assert torch.allclose(chances.exp().sum(2), torch.ones(chances.shape[:2]), atol=1e-5)


@torch.no_grad()
def test_level_and_neighbours_in_the_batch_change_nothing(network: Segmenter, samples: torch.Tensor) -> None:
    chances = network(samples)
    assert torch.allclose(network(samples * 4), chances, atol=2e-3)
    assert torch.allclose(network(samples[:1]), chances[:1], atol=1e-4)
    assert torch.equal(network(samples), chances)


@torch.no_grad()
def test_a_frame_is_heard_at_its_middle(network: Segmenter) -> None:
    for frame in (3, 20):
        click = torch.zeros(1, 40 * HOP)
        click[0, frame * HOP + HOP // 2] = 1.0
        features = network.features(click)[0].mean(0)
        assert int(features.argmax()) == frame
        assert float(features[frame - 1]) == pytest.approx(float(features[frame + 1]), abs=1e-3)


@torch.no_grad()
def test_silence_gives_numbers(network: Segmenter) -> None:
    assert torch.isfinite(network(torch.zeros(2, 8000))).all()


def test_activity_adds_up_the_classes_of_each_speaker() -> None:
    chances = torch.tensor([0.1, 0.2, 0.05, 0.05, 0.3, 0.2, 0.1]).log()
    assert activity(chances).tolist() == pytest.approx([0.2 + 0.3 + 0.2, 0.05 + 0.3 + 0.1, 0.05 + 0.2 + 0.1])
    assert len(CLASSES) == 1 + SPEAKERS + SPEAKERS * (SPEAKERS - 1) // 2


def test_training_drops_channels_and_listening_does_not(samples: torch.Tensor) -> None:
    torch.manual_seed(5)
    network = Segmenter(**{**SMALL, "dropout": 0.5})
    torch.manual_seed(0)
    first = network.train()(samples)
    assert not torch.allclose(first, network(samples), atol=1e-3)
    torch.manual_seed(0)
    assert torch.equal(first, network(samples))


@torch.no_grad()
def test_it_is_the_same_after_the_disk(network: Segmenter, samples: torch.Tensor, tmp_path: Path) -> None:
    weights.write(network, "segmenter", SMALL, tmp_path / "weights.safetensors")
    back = weights.read((tmp_path / "weights.safetensors").read_bytes()).eval()
    assert torch.allclose(back(samples), network(samples), atol=2e-2)


@pytest.mark.parametrize("bands", [40, 64, 80])
def test_mel_bands_are_even_and_in_order(bands: int) -> None:
    shape = mel_bands(bands)
    assert shape.sum(1) == pytest.approx(np.ones(bands), abs=1e-5)
    centres = shape @ np.arange(shape.shape[1])
    assert all(below < above for below, above in pairwise(centres))
