"""What the diarizer with attractors is taught and how it is judged: the order of the speakers never counts, their number does."""

from __future__ import annotations

import tomllib
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sepdiar.conversation import Span
from sepdiar.networks.eend import HOP, Eend, activity
from sepdiar.simulation.manifest import read_manifest
from sepdiar.testing import voices
from sepdiar.training.corpus import decoded
from sepdiar.training.course import Course
from sepdiar.training.dialogues import Dialogues, Drawing, Window
from sepdiar.training.eend import CONDITIONS, SPEAKERS, Learning, Party, errors, existence, in_any_order, pooled, present_first
from sepdiar.training.segmentation import CLEAN
from sepdiar.training.task import table

SECOND = 16_000


def some(rng: np.random.Generator, count: int, steps: int = 30) -> torch.Tensor:
    """So many speakers who speak at random, and then those who do not."""
    spoken = np.zeros((steps, SPEAKERS), np.float32)
    spoken[:, :count] = rng.random((steps, count)) < 0.4
    spoken[0, :count] = 1
    return torch.from_numpy(spoken)


@pytest.mark.parametrize("count", range(1, SPEAKERS + 1))
def test_the_loss_is_that_of_the_best_order(count: int) -> None:
    rng = np.random.default_rng(count)
    spoken = torch.stack([some(rng, count), some(rng, 1)])
    talk = torch.from_numpy(rng.standard_normal((2, 30, SPEAKERS + 1), np.float32))
    found = in_any_order(talk, spoken)
    for row, truth, number, loss in zip(talk, spoken, (count, 1), found, strict=True):
        orders = [torch.tensor(order) for order in permutations(range(number))]
        each = [F.binary_cross_entropy_with_logits(row[:, :number], truth[:, order]).item() for order in orders]
        assert loss.item() == pytest.approx(min(each), rel=1e-4)


def test_the_order_of_the_speakers_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    spoken, talk = some(rng, 3), torch.from_numpy(rng.standard_normal((1, 30, SPEAKERS + 1), np.float32))
    orders = [spoken[None, :, [*order, 3]] for order in permutations(range(3))]
    assert torch.stack([in_any_order(talk, order) for order in orders]).std().item() < 1e-6


def test_silence_has_no_loss_but_that_somebody_exists() -> None:
    spoken, talk = torch.zeros(1, 30, SPEAKERS), torch.ones(1, 30, SPEAKERS + 1, requires_grad=True)
    assert in_any_order(talk, spoken).item() == 0
    assert existence(torch.full((1, SPEAKERS + 1), -9.0), spoken).item() < 1e-3
    assert existence(torch.full((1, SPEAKERS + 1), 9.0), spoken).item() == pytest.approx(9.0, rel=1e-3)


def test_existence_counts_up_to_the_first_who_does_not_exist() -> None:
    spoken = some(np.random.default_rng(0), 2)[None]
    assert existence(torch.tensor([[9.0, 9.0, -9.0, 9.0, 9.0]]), spoken).item() < 1e-3
    for wrong in (0, 1, 2):
        there = torch.tensor([[9.0, 9.0, -9.0, 0.0, 0.0]])
        there[0, wrong] *= -1
        assert existence(there, spoken).item() == pytest.approx(9.0 / 3, rel=1e-3)


def test_errors_are_told_apart() -> None:
    turns = ((0.8, 3.2),), ((2.4, 5.6),), ((6.4, 8.0),)
    spans = tuple(tuple(Span(round(start * SECOND), round(end * SECOND)) for start, end in own) for own in turns)
    window = Window(np.zeros(10 * SECOND, np.float32), spans, (0, 1, 2))
    spoken = window.activity(HOP, SPEAKERS)
    missed, invented, confused = spoken.copy(), spoken.copy(), spoken.copy()
    missed[50:60, 1] = False
    invented[110:115, 3] = True
    confused[80:90, 2] = False
    confused[80:90, 0] = True
    for made, key, steps, counted in ((missed, "missed", 10, 1), (invented, "invented", 5, 0), (confused, "confused", 10, 1)):
        found = errors(window, made[:, [2, 0, 3, 1]])
        assert {name: found[name] for name in ("missed", "invented", "confused") if found[name]} == {key: steps}
        assert (found["spoken"], found["counted"]) == (spoken.sum(), counted)
    assert pooled([errors(window, spoken)])["der"] == 0


def test_those_who_speak_come_first() -> None:
    spoken = np.zeros((5, 4), bool)
    spoken[1, 1] = spoken[2:4, 3] = True
    assert present_first(spoken).any(0).tolist() == [True, True, False, False]
    assert (present_first(spoken)[:, :2] == spoken[:, [1, 3]]).all()


def test_a_guest_is_one_more_and_only_the_samples_add_up(tmp_path: Path) -> None:
    corpus = decoded(read_manifest(voices(tmp_path / "voices", speakers=6, utterances=4)), "all", tmp_path / "cache")
    drawing, _ = CONDITIONS["three"]
    party = Party(Dialogues(corpus, drawing), 1.0)
    windows = [party.window(np.random.default_rng(seed)) for seed in range(12)]
    assert {len(window.turns) for window in windows} <= {1, 2, 3, 4}
    assert 4 in {len(window.turns) for window in windows}
    for seed, window in enumerate(windows):
        assert len(window.turns) == len(window.voices) == len(set(window.voices))
        silent = ~window.activity(1, SPEAKERS).any(1)
        assert not window.samples[silent].any()
        assert np.array_equal(window.samples, party.window(np.random.default_rng(seed)).samples)
    alone = Party(Dialogues(corpus, CLEAN), 0.0).window(np.random.default_rng(1))
    rng = np.random.default_rng(1)
    rng.random()
    assert np.array_equal(alone.samples, Dialogues(corpus, CLEAN).window(rng).samples)


def test_the_recipe_of_the_model_can_be_followed() -> None:
    recipe = tomllib.loads((Path(__file__).parents[2] / "models" / "eend-eda" / "train.toml").read_text())
    assert recipe.keys() == {"network", "training", "learning", "windows"}
    for settings, name in ((Course, "training"), (Learning, "learning"), (Drawing, "windows")):
        assert table(settings, recipe, name) != settings()
    assert Eend(**recipe["network"]).exist.in_features == recipe["network"]["width"]


PITCHES = (300, 700, 1500, 3200)


def tones(rng: np.random.Generator, batch: int, steps: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """One to three of four people, each of whom has a tone for a voice and speaks once."""
    clock = np.arange(steps * HOP) / SECOND
    samples = 0.005 * rng.standard_normal((batch, steps * HOP))
    spoken = np.zeros((batch, steps, SPEAKERS), bool)
    for row, own in zip(samples, spoken, strict=True):
        for place, who in enumerate(rng.choice(4, rng.integers(1, 4), replace=False)):
            start = rng.integers(steps // 2)
            own[start : start + rng.integers(6, steps // 2), place] = True
            row += 0.1 * np.repeat(own[:, place], HOP) * np.sin(2 * np.pi * PITCHES[who] * clock)
    return torch.from_numpy(samples.astype(np.float32)), torch.from_numpy(spoken.astype(np.float32))


@pytest.mark.slow
def test_some_seconds_of_learning_tell_tones_apart_and_count_them() -> None:
    """The loss falls by 0.8 at least, and of new windows most have as many speakers as they should."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = Eend(32, 2, 2, 24, 0.0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(240):
        samples, spoken = tones(rng, 16)
        talk, there = network(samples, SPEAKERS + 1)
        loss = in_any_order(talk, spoken).mean() + existence(there, spoken).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[0] - np.mean(losses[-40:]) > 0.8
    samples, spoken = tones(np.random.default_rng(1), 32)
    with torch.inference_mode():
        found = activity(network.eval(), samples, SPEAKERS) > 0.5
    assert (found.any(1).sum(1) == spoken.any(1).sum(1)).float().mean() > 0.7
