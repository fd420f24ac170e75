"""TDANet through the real path: a tiny network saved as its home publishes it, converted as pulling does, heard on a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.tdanet import random
from sepdiar.networks.tdanet import Tdanet
from sepdiar.separation import Blind
from sepdiar.separation.tdanet import CHECKPOINT, TDANet

NAME = "tdanet-lrs2-4ms"
SHAPE = {"outer": 8, "width": 16, "depth": 3, "kernel": 16, "passes": 2}


class Harmful:
    """A pickle of it would make a folder where it is read."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.mkdir, (self.place,)


def network() -> Tdanet:
    made = Tdanet(**SHAPE)
    made.load_state_dict(random(made.state_dict()))
    return made.eval()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A checkpoint with the parts, and the table of places, that the authors' checkpoints have."""
    state = network().state_dict() | {"sm.unet.globalatt.attn.pos_enc.pe": torch.zeros(1, 10_000, 16)}
    about = {"model_name": "TDANetBest", "model_args": {"num_blocks": 2, "sample_rate": 16_000}}
    infos = {"software_versions": {"torch_version": torch.torch_version.TorchVersion("1.13.0")}}
    torch.save(about | {"state_dict": state, "infos": infos}, tmp_path / CHECKPOINT)
    return tmp_path / CHECKPOINT


def test_a_pulled_model_and_its_checkpoint_give_what_the_network_gives(published, pull):
    kept = pull(NAME, published)
    mixtures = np.random.default_rng(0).standard_normal((3, 1600)).astype(np.float32)
    with torch.inference_mode():
        expected = network()(torch.from_numpy(mixtures)).numpy()
    by_name, by_path = TDANet(), TDANet(path=str(published))
    assert isinstance(by_name, Blind) and by_name.rate == by_path.rate == 16_000 and by_name.model == NAME
    line = f"{kept.sha256}  {CHECKPOINT}\n"
    assert by_name.model_sha256 == hashlib.sha256(line.encode()).hexdigest()
    for separator in (by_name, by_path):
        made = separator.split(mixtures)
        assert made.shape == (3, 2, 1600) and made.dtype == np.float32
        assert np.abs(made - expected).max() < 1e-6 * np.abs(expected).max()


def test_what_was_not_pulled_or_changed_since_is_refused(published, pull, refused_when_changed):
    pull(NAME, published)
    refused_when_changed(NAME, TDANet)


def test_another_checkpoint_is_refused_and_nothing_in_it_runs(tmp_path):
    torch.save({"state_dict": {"weight": torch.ones(2)}}, tmp_path / CHECKPOINT)
    with pytest.raises(SepdiarError, match="SD251"):
        TDANet(path=str(tmp_path))
    torch.save({"state_dict": network().state_dict(), "more": Harmful(tmp_path / "ran")}, tmp_path / CHECKPOINT)
    with pytest.raises(SepdiarError, match="SD264"):
        TDANet(path=str(tmp_path))
    assert not (tmp_path / "ran").exists()
    with pytest.raises(SepdiarError, match="SD202"):
        TDANet(window=0.5)


def test_a_file_is_separated_at_its_own_rate(published, at_its_own_rate):
    at_its_own_rate("tdanet", published)
