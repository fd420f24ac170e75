"""Intervals: as wide as theory has them, around the figure, and always the same."""

from __future__ import annotations

import numpy as np
import pytest

from sepdiar.evaluation.bootstrap import DRAWS, drawn, interval


def test_every_draw_has_as_many_cases_as_there_are() -> None:
    times = drawn(7)
    assert times.shape == (DRAWS, 7)
    assert (times.sum(1) == 7).all() and (times >= 0).all()
    assert times.mean(0) == pytest.approx(np.ones(7), abs=0.1)
    assert np.array_equal(times, drawn(7))


def test_the_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    low, high = interval(drawn(400) @ values / 400)
    reach = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.03)


def test_a_figure_of_one_case_has_no_spread_and_one_that_is_nowhere_has_no_interval() -> None:
    assert interval(drawn(1) @ np.array([5.0])) == (5.0, 5.0)
    assert np.isnan(interval(np.full(3, np.nan))).all()
