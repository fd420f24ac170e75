"""The segmenter: what goes in and out, and where a frame is heard."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from sepdiar.networks.segmenter import CLASSES, HOP, SPEAKERS, Segmenter, activity, mel_bands


@pytest.fixture(scope="module")
def network(shapes: Mapping[str, Mapping[str, Any]]) -> Segmenter:
    torch.manual_seed(3)
    return Segmenter(**shapes["segmenter"]).eval()


@pytest.mark.parametrize("length", [1, HOP, HOP + 1, 5 * HOP, 16_000, 16_001])
@torch.no_grad()
def test_a_frame_for_each_hop_begun(network: Segmenter, length: int) -> None:
    chances = network(torch.zeros(1, length))
    assert chances.shape == (1, -(-length // HOP), len(CLASSES))
    assert torch.allclose(chances.exp().sum(2), torch.ones(chances.shape[:2]), atol=1e-5)


@torch.no_grad()
def test_a_frame_is_heard_at_its_middle(network: Segmenter) -> None:
    for frame in (3, 20):
        click = torch.zeros(1, 40 * HOP)
        click[0, frame * HOP + HOP // 2] = 1.0
        features = network.features(click)[0].mean(0)
        assert int(features.argmax()) == frame
        assert float(features[frame - 1]) == pytest.approx(float(features[frame + 1]), abs=1e-3)


def test_activity_adds_up_the_classes_of_each_speaker() -> None:
    chances = torch.tensor([0.1, 0.2, 0.05, 0.05, 0.3, 0.2, 0.1]).log()
    assert activity(chances).tolist() == pytest.approx([0.2 + 0.3 + 0.2, 0.05 + 0.3 + 0.1, 0.05 + 0.2 + 0.1])
    assert len(CLASSES) == 1 + SPEAKERS + SPEAKERS * (SPEAKERS - 1) // 2


def test_training_drops_channels_and_listening_does_not(shapes: Mapping[str, Mapping[str, Any]], samples: torch.Tensor) -> None:
    torch.manual_seed(5)
    network = Segmenter(**shapes["segmenter"], dropout=0.5)
    torch.manual_seed(0)
    first = network.train()(samples)
    assert not torch.allclose(first, network(samples), atol=1e-3)
    torch.manual_seed(0)
    assert torch.equal(first, network(samples))


@pytest.mark.parametrize("bands", [40, 64, 80])
def test_mel_bands_are_even_and_in_order(bands: int) -> None:
    shape = mel_bands(bands)
    assert shape.sum(1) == pytest.approx(np.ones(bands), abs=1e-5)
    centres = shape @ np.arange(shape.shape[1])
    assert all(below < above for below, above in pairwise(centres))
