"""The task `embedding`: what it draws, what its loss rewards, and that its figures are the same for the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sepdiar.errors import SepdiarError
from sepdiar.testing import voices
from sepdiar.training.corpus import RATE, Corpus, gather
from sepdiar.training.embedding import Embedding
from sepdiar.training.task import Known, Task

RECIPE = {
    "network": {"dim": 16, "bands": 40, "picture": 8, "width": 32, "spread": [1]},
    "hearing": {"shortest": 0.5, "longest": 1.0, "batch": 8.0},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("voices")
    return gather(voices(folder, speakers=4, utterances=4), None, folder / "cache")


@pytest.fixture(scope="module")
def task(corpus: Corpus) -> Embedding:
    torch.manual_seed(0)
    return Embedding(RECIPE, corpus, corpus)


def test_a_batch_holds_every_person_twice_and_follows_from_its_seed(task: Embedding) -> None:
    assert isinstance(task, Task)
    samples, keep, persons = task.batch(np.random.default_rng(3))
    half = len(persons) // 2
    assert 0.45 * RATE < samples.shape[1] <= RATE
    assert samples.shape == keep.shape
    assert samples.dtype == keep.dtype == np.float32
    assert list(persons[:half]) == list(persons[half:])
    assert len(set(persons[:half].tolist())) == half
    assert np.isfinite(samples).all()
    for one, two in zip(task.batch(np.random.default_rng(3)), (samples, keep, persons), strict=True):
        assert np.array_equal(one, two)


def test_most_of_a_stretch_is_listened_to(task: Embedding) -> None:
    kept = [task.batch(np.random.default_rng(seed))[1].mean(1) for seed in range(4)]
    assert 0.5 < np.concatenate(kept).min() < np.concatenate(kept).max() == 1


def test_the_loss_is_low_where_persons_lie_apart(task: Embedding) -> None:
    class Told(torch.nn.Module):
        """Knows the persons: their stretches come out at their centres, or at those of others."""

        def __init__(self, shift: int) -> None:
            super().__init__()
            self.shift = shift

        def forward(self, samples: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
            centres = torch.nn.functional.normalize(task.heads.centres, dim=1)
            return centres[(persons + self.shift) % len(centres)]

    samples, keep, persons = (torch.as_tensor(part) for part in task.batch(np.random.default_rng(1)))
    right, figures = task.loss(Told(0), (samples, keep, persons))
    wrong, _ = task.loss(Told(1), (samples, keep, persons))
    assert figures["accuracy"] == 1
    assert float(right.detach()) + 5 < float(wrong.detach())


def test_speeds_make_persons(corpus: Corpus) -> None:
    recipe = {**RECIPE, "hearing": {"speeds": [1.0, 0.9]}}
    assert Embedding(recipe, corpus, corpus).heads.centres.shape == (8, 16)


def test_figures_are_the_same_for_the_same_weights(task: Embedding) -> None:
    figures = task.evaluate(task.network)
    assert next(iter(figures)) == "right"
    assert 0.2 < figures["right"] < 1
    assert figures == task.evaluate(task.network)


def test_another_key_is_refused(corpus: Corpus) -> None:
    with pytest.raises(SepdiarError, match="margn"):
        Embedding({"hearing": {"margn": 1.0}}, corpus, corpus)


def test_a_training_that_begins_with_weights_begins_with_the_persons_where_these_hear_them(corpus: Corpus) -> None:
    torch.manual_seed(4)
    task = Embedding(RECIPE, corpus, corpus)
    assert isinstance(task, Known)
    batch = tuple(torch.as_tensor(part) for part in task.batch(np.random.default_rng(2)))
    strange = float(task.loss(task.network.eval(), batch)[1]["known"])
    task.begun()
    known = float(task.loss(task.network.eval(), batch)[1]["known"])
    assert known < strange - 1
