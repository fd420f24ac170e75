"""MossFormer2 through the real path: a tiny network saved as its home publishes it, pulled or not, heard on a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.mossformer2_package import computed, draw
from sepdiar.networks.mossformer2 import Mossformer2
from sepdiar.separation import Blind
from sepdiar.separation.mossformer2 import CHECKPOINT, LEVEL, MossFormer2

NAME = "mossformer2-16k"
SHAPE = {"width": 8, "depth": 1, "kernel": 16}


def network(sources: int = 2) -> Mossformer2:
    made = Mossformer2(**SHAPE, sources=sources)
    state = made.state_dict()
    made.load_state_dict(state | draw({name: value.shape for name, value in state.items() if not computed(name)}))
    return made.eval()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A checkpoint as its authors keep them: the weights, the optimiser's state, and how far the training was."""
    made = network()
    learned = [value.requires_grad_() for value in made.parameters()]
    optimizer = torch.optim.Adam(learned)
    sum(value.sum() for value in learned).backward()
    optimizer.step()
    content = {"model": network().state_dict(), "optimizer": optimizer.state_dict(), "epoch": 59, "step": 3_498_143}
    torch.save(content, tmp_path / CHECKPOINT)
    return tmp_path / CHECKPOINT


def test_a_pulled_model_and_its_checkpoint_give_what_the_network_gives(published, pull):
    kept = pull(NAME, published)
    mixtures = np.random.default_rng(0).standard_normal((3, 1600)).astype(np.float32)
    mixtures *= np.float32([[0.001], [1], [30]])
    loud = np.array([np.sqrt(np.square(one)[np.square(one) > np.square(one).mean()].mean()) for one in mixtures])
    level = np.float32(loud / LEVEL)[:, None]
    with torch.inference_mode():
        expected = network()(torch.from_numpy(mixtures / level)).numpy() * level[:, None]
    by_name, by_path = MossFormer2(), MossFormer2(path=str(published))
    assert isinstance(by_name, Blind) and by_name.rate == by_path.rate == 16_000 and by_name.model == NAME
    line = f"{kept.sha256}  {CHECKPOINT}\n"
    assert by_name.model_sha256 == hashlib.sha256(line.encode()).hexdigest()
    for separator in (by_name, by_path):
        made = separator.split(mixtures)
        assert made.shape == (3, 2, 1600) and made.dtype == np.float32
        assert (np.abs(made - expected).max((1, 2)) < 1e-4 * np.abs(expected).max((1, 2))).all()


def test_half_precision_is_near_to_full(published):
    noise = np.random.default_rng(0).standard_normal((2, 3200)).astype(np.float32)
    full, half = (MossFormer2(path=str(published), precision=one) for one in ("fp32", "bf16"))
    one, other = full.split(noise), half.split(noise)
    assert half.precision == "bf16" and 0 < np.sum((one - other) ** 2) < 0.01 * np.sum(one**2)


@pytest.mark.parametrize("samples", [1, 15, 24, 1607])
def test_any_number_of_samples_comes_back_and_silence_stays_silent(published, samples):
    separator = MossFormer2(path=str(published))
    noise = np.random.default_rng(0).standard_normal((1, samples)).astype(np.float32)
    made = separator.split(noise)
    assert made.shape == (1, 2, samples) and np.isfinite(made).all() and made[..., -1].any()
    assert np.abs(separator.split(np.zeros_like(noise))).max() < 1e-6


def test_what_was_not_pulled_or_changed_since_is_refused(published, pull, refused_when_changed):
    pull(NAME, published)
    refused_when_changed(NAME, MossFormer2)


def test_another_checkpoint_is_refused(tmp_path):
    torch.save({"model": {"weight": torch.ones(2)}}, tmp_path / CHECKPOINT)
    with pytest.raises(SepdiarError, match="SD251"):
        MossFormer2(path=str(tmp_path))
    torch.save({"model": network(sources=3).state_dict()}, tmp_path / CHECKPOINT)
    with pytest.raises(SepdiarError, match="3 sources"):
        MossFormer2(path=str(tmp_path))
    with pytest.raises(SepdiarError, match="SD202"):
        MossFormer2(window=0.5)


def test_a_file_is_separated_at_its_own_rate(published, at_its_own_rate):
    at_its_own_rate("mossformer2", published)
