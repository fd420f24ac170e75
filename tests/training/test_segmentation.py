"""What the segmentation is taught and how it is judged: the order of the speakers never counts."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sepdiar.conversation import Span
from sepdiar.networks.segmenter import CLASSES, HOP, SPEAKERS
from sepdiar.training.dialogues import Window
from sepdiar.training.segmentation import MEMBERS, errors, in_any_order, pooled, stretches

SECOND = 16_000


def window(*turns: tuple[tuple[float, float], ...], seconds: float = 10.0) -> Window:
    spans = tuple(tuple(Span(round(start * SECOND), round(end * SECOND)) for start, end in own) for own in turns)
    return Window(np.zeros(round(seconds * SECOND), np.float32), spans, tuple(range(len(spans))))


def sure(spoken: np.ndarray) -> torch.Tensor:
    """Log-probabilities of somebody who knows who speaks."""
    classes = (spoken[:, None] == MEMBERS).all(2).argmax(1)
    return torch.log_softmax(12.0 * F.one_hot(torch.from_numpy(classes), len(CLASSES)), 1)


TALK = window(((0.5, 3.0), (5.0, 8.0)), ((2.5, 5.2),), ((8.5, 9.5),))


def test_the_loss_is_that_of_the_best_order() -> None:
    rng = np.random.default_rng(0)
    chances = torch.from_numpy(rng.standard_normal((2, 50, len(CLASSES)), np.float32)).log_softmax(2)
    spoken = MEMBERS[rng.integers(len(CLASSES), size=(2, 50))]
    found = in_any_order(chances, torch.from_numpy(spoken.astype(np.float32)))
    for row, truth, loss in zip(chances, spoken, found, strict=True):
        each = []
        for order in permutations(range(SPEAKERS)):
            classes = (truth[:, list(order)][:, None] == MEMBERS).all(2).argmax(1)
            each.append(F.nll_loss(row, torch.from_numpy(classes)).item())
        assert loss.item() == pytest.approx(min(each), rel=1e-4)
        assert max(each) > min(each) + 0.01


@pytest.mark.parametrize("order", list(permutations(range(SPEAKERS))))
def test_who_knows_it_all_has_no_loss_and_no_error(order: tuple[int, ...]) -> None:
    spoken = TALK.activity(HOP, SPEAKERS)
    chances = sure(spoken[:, list(order)])
    assert in_any_order(chances[None], torch.from_numpy(spoken.astype(np.float32))[None]).item() < 1e-3
    found = pooled([errors(TALK, chances)])
    assert found["der"] == 0
    assert found["onsets_50ms"] == 1


def test_frames_of_three_do_not_count() -> None:
    spoken = torch.ones(1, 4, SPEAKERS)
    assert in_any_order(torch.full((1, 4, len(CLASSES)), -3.0), spoken).item() == 0


def test_errors_are_told_apart() -> None:
    spoken = TALK.activity(HOP, SPEAKERS)
    missed, invented, confused = spoken.copy(), spoken.copy(), spoken.copy()
    missed[200:240, 1] = False
    invented[:20, 2] = True
    confused[350:400] = confused[350:400][:, [1, 0, 2]]
    for made, key, frames in ((missed, "missed", 40), (invented, "invented", 20), (confused, "confused", 50)):
        found = errors(TALK, sure(made))
        assert {name: found[name] for name in ("missed", "invented", "confused") if found[name]} == {key: frames}
        assert found["spoken"] == spoken.sum()


def test_a_late_onset_is_not_found() -> None:
    spoken = TALK.activity(HOP, SPEAKERS)
    late = spoken.copy()
    late[: int(0.6 * SECOND / HOP), 0] = False
    found = errors(TALK, sure(late))
    assert (found["turns"], found["onsets_50ms"]) == (4, 3)


def test_short_pauses_are_bridged_and_clicks_left_out() -> None:
    active = np.zeros(200, bool)
    active[10:60] = active[70:100] = True  # 0.16 s apart
    active[130:160] = True  # 0.48 s later
    active[190:193] = True
    assert stretches(active) == [Span(10, 100), Span(130, 160)]


def test_silence_alone_can_be_judged() -> None:
    quiet = window()
    chances = sure(np.zeros((625, SPEAKERS), bool))
    assert pooled([errors(quiet, chances), errors(TALK, sure(TALK.activity(HOP, SPEAKERS)))])["der"] == 0
