"""The voice network: vectors of length 1, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from sepdiar.networks.voice import RATE, Voice, mel


@pytest.fixture(scope="module")
def network(shapes: Mapping[str, Mapping[str, Any]]) -> Voice:
    torch.manual_seed(5)
    return Voice(**shapes["voice"]).eval()


@pytest.mark.parametrize("length", [400, 4000, 8001, 24_000])
@torch.no_grad()
def test_a_vector_of_length_one_for_any_length(network: Voice, samples: torch.Tensor, length: int) -> None:
    vectors = network(samples[:, :length])
    assert vectors.shape == (3, 24)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=1e-5)


@torch.no_grad()
def test_what_is_left_out_has_no_effect(network: Voice, samples: torch.Tensor) -> None:
    keep = torch.ones_like(samples)
    keep[:, 6000:11_000] = 0
    other = samples.clone()
    other[:, 6000:11_000] = samples.flip(0)[:, 6000:11_000] * 7
    assert torch.allclose(network(other, keep), network(samples, keep), atol=1e-5)
    assert not torch.allclose(network(other), network(samples), atol=1e-2)
    assert torch.equal(network(samples, torch.ones_like(samples)), network(samples))


@torch.no_grad()
def test_the_padded_end_of_a_row_hardly_matters(network: Voice, samples: torch.Tensor) -> None:
    padded, keep = samples.clone(), torch.ones_like(samples)
    padded[:, 16_000:], keep[:, 16_000:] = 0, 0
    alike = (network(padded, keep) * network(samples[:, :16_000])).sum(1)
    assert float(alike.min()) > 0.98


@torch.no_grad()
def test_nothing_kept_gives_numbers(network: Voice, samples: torch.Tensor) -> None:
    assert torch.isfinite(network(samples, torch.zeros_like(samples))).all()


def test_mel_bands_cover_speech() -> None:
    bands = mel(64)
    assert bands.shape == (257, 64)
    assert torch.allclose(bands.sum(0), torch.ones(64), atol=1e-5)
    middle = (bands.argmax(0) * RATE / 512).tolist()
    assert middle == sorted(middle)
    assert middle[0] < 120
    assert middle[-1] > 7000
