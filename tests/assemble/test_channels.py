"""One channel: where its samples come from, as laws over random layouts of turns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sepdiar.assemble.channels import plan, samples
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Stretch, intersected, merged

FADE, LENGTH = 8, 300
RNG = np.random.default_rng(7)
NOISE = RNG.uniform(-1, 1, LENGTH).astype(np.float32)
SOURCE = RNG.uniform(-1, 1, LENGTH).astype(np.float32)
spans = st.builds(lambda start, length: Span(start, min(start + length, LENGTH)), st.integers(0, LENGTH - 1), st.integers(1, 70))
sides = st.lists(spans, max_size=8).map(merged)
wholes = st.builds(lambda start, end: Span(start, end), st.integers(0, 60), st.integers(200, LENGTH))


def channel(stretches: tuple[Stretch, ...], mixture: NDArray[np.float32], source: NDArray[np.float32]) -> NDArray[np.float64]:
    whole = Span(stretches[0].span.start, stretches[-1].span.end)
    return samples(stretches, whole, mixture[whole.start : whole.end], [ArrayAudio(source, 8000)], FADE)


def origin_at(stretches: tuple[Stretch, ...]) -> list[str]:
    return [stretch.origin for stretch in stretches for _ in range(len(stretch.span))]


@given(wholes, sides, sides, st.booleans(), st.sampled_from([0, 1, FADE]))
def test_stretches_partition_the_span(whole: Span, own: list[Span], others: list[Span], separated: bool, fade: int) -> None:
    stretches = plan(whole, own, others, fade, separated)
    edges = [whole.start, *(stretch.span.end for stretch in stretches)]
    assert edges[-1] == whole.end and [stretch.span.start for stretch in stretches] == edges[:-1]
    assert all(len(stretch.span) for stretch in stretches)
    assert all(a.origin != b.origin for a, b in itertools.pairwise(stretches))


@given(wholes, sides, sides, st.booleans())
def test_origins_say_who_speaks(whole: Span, own: list[Span], others: list[Span], separated: bool) -> None:
    origins = origin_at(plan(whole, own, others, FADE, separated))
    speaks, both = np.zeros(LENGTH, bool), np.zeros(LENGTH, bool)
    for span in own:
        speaks[span.start : span.end] = True
    for span in intersected(own, others):
        both[span.start : span.end] = True
    for origin, mine, ours in zip(origins, speaks[whole.start :], both[whole.start :], strict=False):
        assert mine == (origin in ("copied", "mixed", "separated"))
        assert (mine and ours) == (origin in ("mixed", "separated"))


@given(wholes, sides, sides, st.booleans())
def test_clean_stretches_are_the_input_and_silence_is_zero(
    whole: Span, own: list[Span], others: list[Span], separated: bool
) -> None:
    stretches = plan(whole, own, others, FADE, separated)
    made, origins = channel(stretches, NOISE, SOURCE), np.array(origin_at(stretches))
    exact = np.isin(origins, ["copied", "mixed"])
    assert (made[exact] == NOISE[whole.start : whole.end][exact]).all()
    assert (made[origins == "silent"] == 0).all()


@given(wholes, sides, sides)
def test_the_other_channel_is_quiet_but_for_a_fade_beside_each_turn(whole: Span, own: list[Span], others: list[Span]) -> None:
    stretches = plan(whole, own, others, FADE, separated=True)
    near = np.zeros(LENGTH + 2 * FADE, bool)
    for span in intersected([whole], own):
        near[span.start : span.end + 2 * FADE] = True
    near = near[FADE:-FADE][whole.start : whole.end]
    assert (channel(stretches, NOISE, SOURCE)[~near] == 0).all()


@given(wholes, sides, sides, st.booleans(), st.booleans())
def test_nothing_clicks(whole: Span, own: list[Span], others: list[Span], separated: bool, source_is_silent: bool) -> None:
    """The channel never moves faster than the steepest point of a ramp between the two slow sounds that it is made of."""
    time = np.arange(LENGTH)
    mixture = np.cos(2 * np.pi * time / LENGTH).astype(np.float32)
    source = np.zeros(LENGTH, np.float32) if source_is_silent else -mixture
    made = channel(plan(whole, own, others, FADE, separated), mixture, source)
    steepest = 2 * np.pi / LENGTH + 2 * np.pi / (2 * FADE)
    assert np.abs(np.diff(made)).max() <= steepest * 1.01


@given(wholes, sides, sides)
def test_sources_that_add_up_give_channels_that_add_up(whole: Span, own: list[Span], others: list[Span]) -> None:
    left, right = plan(whole, own, others, FADE, True), plan(whole, others, own, FADE, True)
    mixture = NOISE + SOURCE
    total = channel(left, mixture, NOISE) + channel(right, mixture, SOURCE)
    inside = np.zeros(LENGTH, bool)
    for stretch in left:
        if stretch.origin == "separated" and len(stretch.span) > 2 * FADE:
            inside[stretch.span.start + FADE : stretch.span.end - FADE] = True
    inside = inside[whole.start : whole.end]
    assert np.allclose(total[inside], mixture[whole.start : whole.end][inside], atol=1e-6)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_blocks_do_not_show(size: int) -> None:
    stretches = plan(Span(0, LENGTH), [Span(20, 90), Span(99, 150)], [Span(60, 130)], FADE, True)
    whole = channel(stretches, NOISE, SOURCE)
    source = [ArrayAudio(SOURCE, 8000)]
    parts = [Span(start, min(start + size, LENGTH)) for start in range(0, LENGTH, size)]
    made = [samples(stretches, part, NOISE[part.start : part.end], source, FADE) for part in parts]
    assert (np.concatenate(made) == whole).all()


def layout(own: list[Span], others: list[Span], separated: bool = True) -> list[tuple[str, int]]:
    return [(stretch.origin, len(stretch.span)) for stretch in plan(Span(0, 100), own, others, FADE, separated)]


def test_edges_worked_out_by_hand() -> None:
    assert layout([Span(0, 100)], []) == [("copied", 100)]
    assert layout([], [Span(0, 100)]) == [("silent", 100)]
    assert layout([Span(3, 90)], []) == [("faded", 3), ("copied", 87), ("faded", 8), ("silent", 2)]
    assert layout([Span(0, 50)], [Span(50, 100)]) == [("copied", 50), ("faded", 8), ("silent", 42)]  # turns that touch
    assert layout([Span(0, 40), Span(56, 100)], []) == [("copied", 40), ("faded", 16), ("copied", 44)]  # fades that meet
    assert layout([Span(20, 60)], [Span(20, 60)]) == [("silent", 20), ("separated", 40), ("silent", 40)]  # all overlap
    assert layout([Span(20, 60)], [Span(20, 60)], False) == [
        ("silent", 12),
        ("faded", 8),
        ("mixed", 40),
        ("faded", 8),
        ("silent", 32),
    ]
    assert layout([Span(0, 50)], [Span(35, 100)]) == [("copied", 35), ("mixed", 15), ("faded", 8), ("silent", 42)]  # too short


def test_a_separated_turn_rises_from_zero_and_does_not_let_the_other_be_heard_before_it() -> None:
    stretches = plan(Span(0, LENGTH), [Span(100, 200)], [Span(0, LENGTH)], FADE, True)
    made = channel(stretches, np.ones(LENGTH, np.float32), np.full(LENGTH, 0.5, np.float32))
    assert (made[:100] == 0).all() and made[100] < 0.02 and np.allclose(made[108:192], 0.5) and (made[200:] == 0).all()
