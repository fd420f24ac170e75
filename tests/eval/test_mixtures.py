"""The figures of a separator: what a perfect one, a lazy one and one that copies would get."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.bootstrap import mean
from sepdiar.evaluation.mixtures import LINES, alone, changes, means, over_each_other
from sepdiar.training.separation import evaluate

RATE = 16_000


class Keeps(nn.Module):
    """All of the mixture in one output, `rest` of it in the other."""

    def __init__(self, rest: float) -> None:
        super().__init__()
        self.rest = nn.Parameter(torch.tensor(rest))

    def forward(self, mixture: Tensor) -> Tensor:
        return torch.stack([mixture * (1 - self.rest), mixture * self.rest], 1)


@pytest.fixture
def talkers() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(RATE).astype(np.float32) / 10 for _ in range(3)]


def test_one_talker_is_kept_and_the_other_output_is_quiet(talkers):
    fine, copied = alone(Keeps(0.01), talkers), alone(Keeps(0.5), talkers)
    assert (
        fine["both_25_db"] == 1 and fine["si_sdr"]["value"] > 60 and fine["other_below"]["value"] == pytest.approx(39.9, abs=0.1)
    )
    assert copied["both_25_db"] == 0 and copied["other_below"]["value"] == pytest.approx(0, abs=0.1)


def test_half_of_the_mixture_on_both_sides_is_no_improvement(talkers):
    assert evaluate(Keeps(0.5), [np.stack(talkers[:2])]) == pytest.approx([0], abs=1e-3)


@pytest.mark.parametrize("name", ["clean", "noisy", "room", "telephone", *LINES])
def test_each_condition_changes_the_sources_as_it_says(talkers, name):
    sources = np.stack(talkers[:2])
    made = changes((), ())[name](sources, np.random.default_rng(1))
    assert made.shape == sources.shape and made.dtype == np.float32
    assert np.array_equal(made, sources) == (name == "clean")
    if name == "noisy":
        noise = (made - sources).sum(0)
        assert 10 * np.log10(np.mean(noise**2) / np.mean(sources.sum(0) ** 2)) == pytest.approx(-15, abs=0.1)
    if name == "telephone" or name in LINES:
        above = np.abs(np.fft.rfft(made))[:, 3500 if name == "telephone" else 4001 :]
        assert above.max() < 1e-3 * np.abs(np.fft.rfft(sources)).max()


def test_two_sides_of_a_call_are_laid_over_each_other_where_both_speak(tmp_path):
    rng = np.random.default_rng(0)
    call = rng.standard_normal((40 * 8000, 2)).astype(np.float32) / 10
    call[: 20 * 8000, 0] = call[20 * 8000 :, 1] = 0
    soundfile.write(tmp_path / "call.wav", call, 8000)
    pairs = over_each_other(tmp_path / "call.wav", 12)
    assert len(pairs) == 12 and all(pair.shape == (2, 6 * RATE) for pair in pairs)
    for pair in pairs:
        assert (np.abs(pair) > 1e-4).mean(axis=1).min() > 0.4
        assert abs(np.subtract(*10 * np.log10(np.mean(pair**2, axis=1)))) < 5.1
    soundfile.write(tmp_path / "mono.wav", call[:, 0], 8000)
    with pytest.raises(SepdiarError, match="SD206"):
        over_each_other(tmp_path / "mono.wav", 1)


def test_what_another_model_gets_is_said_pair_by_pair():
    found = means({"clean": [1.0, 5.0], "room": [2.0]}, {"clean": [0.5, 4.5], "room": [3.0]})
    assert found["clean"]["value"] == 3 and found["clean"]["beside"]["value"] == 2.5
    assert found["clean"]["difference"]["interval"] == (0.5, 0.5) and found["room"]["difference"]["value"] == -1
    assert "beside" not in means({"clean": [1.0]})["clean"]


def test_an_interval_holds_the_mean_and_is_always_the_same():
    found = mean([1.0, 2.0, 3.0, 10.0])
    assert found["interval"][0] < found["value"] == 4.0 < found["interval"][1] and found["n"] == 4
    assert found == mean([1.0, 2.0, 3.0, 10.0])
