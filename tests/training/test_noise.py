"""Noise that nobody recorded: what it is like, that a seed decides it, and that it is not all of one kind."""

from __future__ import annotations

import numpy as np
import pytest

from sepdiar.training import noise
from sepdiar.training.corpus import RATE


@pytest.mark.parametrize("seconds", [0.5, 10.0])
def test_noise_has_power_one_and_a_seed_decides_it(seconds: float) -> None:
    count = round(seconds * RATE)
    for seed in range(20):
        made = noise.invented(count, np.random.default_rng(seed))
        assert made.dtype == np.float32 and made.shape == (count,) and np.isfinite(made).all()
        assert np.mean(made**2) == pytest.approx(1, abs=1e-3)
    assert np.array_equal(made, noise.invented(count, np.random.default_rng(19)))
    assert not np.array_equal(made, noise.invented(count, np.random.default_rng(18)))


def test_some_of_it_is_even_and_in_some_something_happens() -> None:
    rng = np.random.default_rng(0)
    peaks = [np.abs(noise.invented(5 * RATE, rng)).max() for _ in range(60)]
    assert np.quantile(peaks, 0.1) < 6 and np.quantile(peaks, 0.9) > 12


@pytest.mark.parametrize("event", noise.EVENTS)
def test_whatever_happens_is_heard_and_over_soon(event: noise.Event) -> None:
    for seed in range(10):
        made = event(np.random.default_rng(seed))
        assert made.dtype == np.float32 and np.isfinite(made).all()
        assert 0.03 * RATE < len(made) < 2 * RATE and np.abs(made).max() > 0


def test_what_scrapes_is_at_every_moment_a_tone_and_what_rushes_is_not() -> None:
    def peak(made: np.ndarray) -> float:
        part = made[len(made) // 2 :][: RATE // 20]
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        return float(power.max() / power.mean())

    scraped, rushed = (
        np.median([peak(event(np.random.default_rng(seed))) for seed in range(40)]) for event in (noise.scrape, noise.rush)
    )
    assert scraped > 2 * rushed
