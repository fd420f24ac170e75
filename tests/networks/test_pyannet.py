"""The network that says who is heard, against its publishers' own, and by its published weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from sepdiar.errors import SepdiarError
from sepdiar.networks import pyannet
from sepdiar.networks.pyannet import HOP, RATE, PyanNet, filled

pulled = pytest.mark.skipif(
    not (Path(os.environ.get("SEPDIAR_MODELS", "")) / pyannet.MODEL / "lock.json").is_file(), reason="its weights were not pulled"
)


@pytest.fixture
def samples() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (2, 3 * RATE)).astype(np.float32))


def test_each_whole_hop_is_a_frame_whose_chances_add_up_to_one(samples):
    network = PyanNet().eval()
    with torch.inference_mode():
        chances = network.framed(samples[:, : 100 * HOP])
    assert chances.shape == (2, 100, 7)
    torch.testing.assert_close(chances.exp().sum(2), torch.ones(2, 100))


def test_the_level_changes_nothing(samples):
    network = PyanNet().eval()
    with torch.inference_mode():
        torch.testing.assert_close(network(samples), network(0.1 * samples), atol=1e-3, rtol=1e-3)


def test_the_filters_are_even_and_odd_around_their_middle():
    filters = PyanNet().sincnet.conv1d[0].filterbank()[:, 0]
    torch.testing.assert_close(filters[:40], filters[:40].flip(1))
    torch.testing.assert_close(filters[40:], -filters[40:].flip(1))


def test_weights_of_another_network_are_refused():
    with pytest.raises(SepdiarError, match="SD251") as caught:
        filled({"lstm.weight_ih_l0": torch.zeros(1)}, Path("file.bin"))
    assert caught.value.hint == "sepdiar models pull pyannote-segmentation-3.0"


def test_it_computes_what_the_publishers_own_network_computes(samples):
    theirs = pytest.importorskip("pyannote.audio.models.segmentation")
    from sepdiar.networks.pyannote import task

    shape = {"lstm": {"num_layers": 4, "dropout": 0.5, "monolithic": True}, "linear": {"num_layers": 2}}
    reference = theirs.PyanNet(**shape)
    reference.specifications = task("MONO_LABEL_CLASSIFICATION", 3, 10.0, 2)
    reference.build()
    network = filled(reference.state_dict(), Path("theirs"))
    with torch.inference_mode():
        torch.testing.assert_close(network(samples), reference.eval()(samples[:, None]))


@pulled
def test_the_published_weights_hear_nobody_in_noise(samples):
    network, sha256 = pyannet.load()
    assert len(sha256) == 64
    with torch.inference_mode():
        assert (network.framed(0.01 * samples).argmax(2) == 0).float().mean() > 0.9
