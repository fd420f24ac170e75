"""Between a model's rate and the recording's: the mixture is kept whole, and what lies above the model's band goes along."""

from __future__ import annotations

import numpy as np
import pytest

from sepdiar.separation.band import brought_to, full_band, levelled


def talkers(rate: int, seconds: float = 3.0) -> np.ndarray:
    """Two noises up to the top of the band, in turns of half a second that overlap by half."""
    rng = np.random.default_rng(rate)
    clock = np.arange(round(seconds * rate)) / rate
    gates = np.stack([np.sin(2 * np.pi * clock) > -0.3, np.sin(2 * np.pi * clock) < 0.3])
    return (0.1 * gates * rng.standard_normal((2, len(clock)))).astype(np.float32)


def split_at(rate: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sources = talkers(rate)
    low = brought_to(sources, rate, wanted, round(sources.shape[1] * wanted / rate))
    return sources, sources.sum(axis=0), full_band(low, sources.sum(axis=0), rate, wanted)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_the_sources_add_up_to_the_mixture(rate):
    sources, mixture, made = split_at(rate, 16000)
    assert made.shape == sources.shape and made.dtype == np.float32
    assert np.abs(made.sum(axis=0) - mixture).max() < 1e-6


def test_at_the_models_rate_its_output_is_used_as_it_is():
    sources, _, made = split_at(16000, 16000)
    assert (made == sources).all()


@pytest.mark.parametrize(("rate", "least"), [(8000, 18), (22050, 12), (48000, 5)])
def test_each_source_stays_near_the_truth(rate, least):
    """Where only one speaks, all of the band is theirs; where both do, what the model did not hear is shared."""
    sources, _, made = split_at(rate, 16000)
    error = 10 * np.log10(np.sum(sources**2) / np.sum((made - sources) ** 2))
    assert error > least


def test_above_the_models_band_who_speaks_alone_keeps_it_all():
    sources, _, made = split_at(48000, 16000)
    only = np.abs(sources[1]) == 0
    inside = only & (np.convolve(only, np.ones(4801), "same") > 4800)
    assert inside.sum() > 10000
    assert np.sum(made[1, inside] ** 2) < 1e-3 * np.sum(sources[0, inside] ** 2)


@pytest.mark.parametrize("gains", [(1.0, 1.0), (5.0, 5.0), (0.1, 4.0)])
def test_levels_are_found_again(gains):
    sources = talkers(16000)
    made = levelled(np.float32(gains)[:, None] * sources, sources.sum(axis=0))
    assert np.abs(made - sources).max() < 0.02 * np.abs(sources).max()


def test_a_silent_source_stays_silent_and_silence_is_nothing():
    one = talkers(16000)[0]
    made = levelled(np.stack([3 * one, 0 * one]), one)
    assert np.abs(made[0] - one).max() < 1e-3 and not made[1].any()
    nothing = np.zeros((2, 100), np.float32)
    assert not levelled(nothing, nothing[0]).any() and not full_band(nothing, np.zeros(300, np.float32), 48000, 16000).any()


@pytest.mark.parametrize("count", [1, 50, 700])
def test_very_short_windows_are_no_trouble(count):
    rng = np.random.default_rng(count)
    mixture = rng.standard_normal(count).astype(np.float32)
    low = brought_to(np.stack([mixture, 0 * mixture]), 44100, 16000, round(count * 16000 / 44100))
    made = full_band(low, mixture, 44100, 16000)
    assert np.isfinite(made).all() and np.abs(made.sum(axis=0) - mixture).max() < 1e-5
