"""Our own separator through the real path: a tiny network on disk, loaded by its card, heard on files of 8 and 44.1 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.models import cards
from sepdiar.networks import views as ways_to_hear
from sepdiar.networks import weights
from sepdiar.networks.views import VIEWS, Views, resampled
from sepdiar.separation.compact import Compact

SHAPES = {
    "separator": {"width": 16, "depth": 1, "heads": 2},
    "voice": {"dim": 8, "bands": 16, "picture": 4, "width": 16, "spread": [1]},
}
NAMES = {"separator": "compact-separation", "voice": "compact-embedding"}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tiny models with random weights, where sepdiar looks for its own."""
    folder = tmp_path / "models"
    for kind, name in NAMES.items():
        (folder / name).mkdir(parents=True)
        torch.manual_seed(1)
        network = weights.make(kind, SHAPES[kind])
        sha256 = weights.write(network, kind, SHAPES[kind], folder / name / "weights.safetensors")
        (folder / name / "card.toml").write_text(f'name = "{name}"\nsha256 = "{sha256}"\n')
    (tmp_path / "sepdiar").mkdir()
    monkeypatch.setattr(cards, "files", lambda package: tmp_path / package)
    return folder


@pytest.fixture
def talk(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A loud voice to 6 s and a soft one from 5 s on, both noise."""
    rate = request.param
    clock = np.arange(10 * rate) / rate
    noise = np.random.default_rng(1).standard_normal((2, len(clock)))
    path = tmp_path / "talk.wav"
    soundfile.write(path, 0.1 * noise[0] * (clock < 6) + 0.02 * noise[1] * (clock >= 5), rate)
    path.with_suffix(".rttm").write_text("SPEAKER talk 1 0 6 <NA> <NA> A <NA> <NA>\nSPEAKER talk 1 5 5 <NA> <NA> B <NA> <NA>\n")
    return path


def test_it_gives_two_sources_that_add_up(models):
    mixtures = np.random.default_rng(0).standard_normal((3, 16000)).astype(np.float32)
    before = torch.get_num_threads()
    made = Compact().split(mixtures)
    assert made.shape == (3, 2, 16000) and made.dtype == np.float32
    assert np.abs(made.sum(axis=1) - mixtures).max() < 1e-5
    assert (Compact().split(mixtures) == made).all() and torch.get_num_threads() == before


def test_half_precision_is_near_to_full_and_one_window_is_as_in_a_batch(models):
    mixtures = np.random.default_rng(0).standard_normal((3, 16000)).astype(np.float32)
    full, half = Compact(), Compact(precision="bf16")
    one, other = full.split(mixtures), half.split(mixtures)
    assert (full.precision, half.precision) == ("fp32", "bf16") and 0 < np.sum((one - other) ** 2) < 0.01 * np.sum(one**2)
    assert (full.split(mixtures[1:2]) == one[1:2]).all()


def test_what_is_heard_twice_is_the_mean_of_both_in_one_order(models, monkeypatch):
    class Leaning(torch.nn.Module):
        """What it is wrong by depends on the sign; of a mixture turned the sources change places."""

        def forward(self, mixture):
            wrong, voice = 0.1 * mixture.abs(), torch.sin(torch.arange(mixture.shape[1]))
            return (
                torch.stack([voice + wrong, mixture - voice - wrong], 1)
                if (mixture.mean() > 0)
                else torch.stack([mixture + voice - wrong, wrong - voice], 1)
            )

    monkeypatch.setattr(ways_to_hear, "VIEWS", ((1, 1.0), (-1, 1.0)))
    mixture = torch.rand(2, 1000) + 0.1
    voice = torch.sin(torch.arange(1000.0)).expand(2, -1)
    one, both = Views(Leaning(), 1)(mixture), Views(Leaning(), 2)(mixture)
    assert (one[:, 0] - voice).abs().max() > 0.05 and (both[:, 0] - voice).abs().max() < 1e-5
    assert (both.sum(1) - mixture).abs().max() < 1e-5


def test_at_another_speed_the_same_is_heard_and_what_it_cannot_hold_is_of_the_first():
    class Louder(torch.nn.Module):
        """Most of the mixture to one, whatever it is."""

        def forward(self, mixture):
            return torch.stack([0.9 * mixture, 0.1 * mixture], 1)

    clock = torch.arange(16001) / 16000
    low, high = (torch.sin(2 * np.pi * hertz * clock)[None] * torch.hann_window(16001) for hertz in (300, 7600))
    for count in range(1, len(VIEWS) + 1):
        made = Views(Louder(), count)(low + high)
        assert (made.sum(1) - low - high).abs().max() < 1e-6
        assert (Views(Louder(), count)(low)[:, 0] - 0.9 * low).abs().max() < 1e-3
        assert (Views(Louder(), count)(high)[:, 0] - 0.9 * high).abs().max() < 1e-3  # 12 % faster it is above 8 kHz
    assert (resampled(resampled(low, 17920), 16001) - low).abs().max() < 1e-5


def test_each_mixture_of_a_batch_has_an_order_of_its_own():
    class Changing(torch.nn.Module):
        """The louder source first in the one, last in the other, and the other way round for every second hearing."""

        times = 0

        def forward(self, mixture):
            self.times += 1
            pair = torch.stack([0.9 * mixture, 0.1 * mixture], 1)
            return torch.stack([pair[0], pair[1].flip(0)] if self.times % 2 else [pair[0].flip(0), pair[1].flip(0)])

    mixture = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
    made = Views(Changing(), 4)(mixture)
    assert (made[0, 0] - 0.9 * mixture[0]).abs().max() < 0.2 > (made[1, 1] - 0.9 * mixture[1]).abs().max()


def test_more_views_are_another_answer_and_the_same_in_a_batch(models):
    mixtures = 0.1 * np.random.default_rng(1).standard_normal((2, 8000)).astype(np.float32)
    ways = [Compact(views=views) for views in (1, 2, 4)]
    made = [way.split(mixtures) for way in ways]
    assert all(np.abs(one.sum(axis=1) - mixtures).max() < 1e-5 for one in made)
    assert np.abs(made[0] - made[1]).max() > 1e-6 < np.abs(made[1] - made[2]).max()
    assert (ways[2].split(mixtures[1:]) == made[2][1:]).all()
    with pytest.raises(SepdiarError, match="SD202"):
        Compact(views=len(VIEWS) + 1)


def test_weights_that_are_missing_or_others_are_refused(models):
    with pytest.raises(SepdiarError, match="SD251"):
        Compact(model="compact-nothing")
    (models / "compact-separation" / "weights.safetensors").write_bytes(b"others")
    with pytest.raises(SepdiarError, match="SD251"):
        Compact()
    with pytest.raises(SepdiarError, match="SD202"):
        Compact(window=0.5)


@pytest.mark.parametrize("talk", [8000, 44100], indirect=True)
@pytest.mark.parametrize("recipe", ["embedded", "separate-all"])
def test_one_file_is_separated_at_its_own_rate(models, talk, tmp_path, recipe):
    settings = [f"diarize.oracle.turns={talk.with_suffix('.rttm')}"]
    made = sepdiar.separate(talk, tmp_path / "out", recipe=recipe, diarizer="oracle", settings=settings)
    mixture, rate = soundfile.read(talk)
    channels = np.stack([soundfile.read(path)[0] for path in made.values()])
    assert len(made) == 2 and {soundfile.info(path).samplerate for path in made.values()} == {rate}
    inside = slice(round(5.1 * rate), round(5.9 * rate))
    assert np.abs(channels.sum(axis=0) - mixture)[inside].max() < 1e-4
    if recipe == "embedded":
        assert (channels[0, : 4 * rate] == mixture[: 4 * rate]).all() and not channels[1, : 4 * rate].any()
