"""A separator whose windows come in random order, over long recordings: nobody ever changes channel, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sepdiar.audio.source import Samples
from sepdiar.conversation import Span, Turn, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.metrics.swaps import swaps
from sepdiar.testing.oracle import Oracle


def read(audio) -> Samples:
    return audio.read(Span(0, audio.samples))


def rightly(talk, outcome) -> None:
    """Each speaker is on one channel all along."""
    score = swaps(talk.channels, outcome.made)
    assert score.counts["pieces"] >= 5 and (score.value, score.figures["swapped"]) == (0, 0)


@pytest.mark.parametrize("settings", [{}, {"everywhere": True}, {"batch": 1}, {"context_seconds": 0.5}])
def test_nobody_changes_channel_across_minutes_of_silence(talk, separated, settings):
    oracle = Oracle(talk.mixture, talk.channels)
    outcome = separated(talk, oracle, oracle.audio, **settings)
    rightly(talk, outcome)
    if not settings.get("everywhere"):
        assert outcome.provenance.parameters["decided_by"]["nothing"] == 0


def test_the_metric_sees_what_the_model_order_would_do(talk, separated, monkeypatch):
    oracle = Oracle(talk.mixture, talk.channels)
    monkeypatch.setattr("sepdiar.separation.slices.decide", lambda cases, before: [0] * len(cases))
    assert swaps(talk.channels, separated(talk, oracle, oracle.audio).made).value > 20


def test_places_changed_within_a_window_are_seen_and_mended(talk, separated, monkeypatch):
    oracle = Oracle(talk.mixture, talk.channels, restless=0.5)
    mended = separated(talk, oracle, oracle.audio)
    monkeypatch.setattr("sepdiar.separation.slices.STAY", 1e9)
    left = separated(talk, oracle, oracle.audio)
    assert mended.provenance.parameters["turned"] > 0 == left.provenance.parameters["turned"]
    less, more = (swaps(talk.channels, one.made).figures["swapped"] for one in (mended, left))
    assert less < 0.75 * more


def test_clean_speech_is_the_input_and_the_channels_add_up_to_it(talk, separated):
    oracle = Oracle(talk.mixture, talk.channels)
    outcome = separated(talk, oracle, oracle.audio)
    made, mixture = read(outcome.made), read(talk.mixture)[:, 0]
    several = np.zeros(len(mixture), bool)
    for track in outcome.conversation.tracks:
        for stretch in track.stretches:
            part = slice(stretch.span.start, stretch.span.end)
            if stretch.origin == "copied":
                assert (made[part, track.channel] == mixture[part]).all()
            elif stretch.origin == "separated":
                several[part] = True
    assert several.any()
    assert np.abs(made[several].sum(axis=1) - mixture[several]).max() <= 2 / 32768


@pytest.mark.parametrize("rate", [8000, 44100])
@pytest.mark.parametrize("everywhere", [False, True])
def test_at_any_rate_the_sources_add_up_and_stay_with_their_speakers(talk, separated, rate, everywhere):
    other = talk.at(rate)
    oracle = Oracle(other.mixture, other.channels)
    outcome = separated(other, oracle, oracle.audio, everywhere=everywhere)
    rightly(other, outcome)
    if everywhere:
        assert np.abs(read(outcome.made).sum(axis=1) - read(other.mixture)[:, 0]).max() <= 2 / 32768


@pytest.mark.parametrize("fault", [lambda made: made[:, :1], lambda made: made[..., 1:], lambda made: made * np.nan])
def test_a_separator_that_breaks_its_contract_is_an_error(talk, separated, fault):
    class Broken(Oracle):
        def split(self, mixtures: Samples) -> Samples:
            return fault(super().split(mixtures))

    oracle = Broken(talk.mixture, talk.channels)
    with pytest.raises(SepdiarError, match="SD901"):
        separated(talk, oracle, oracle.audio)


def test_the_level_of_a_models_output_does_not_matter(talk, separated):
    class Loud(Oracle):
        def split(self, mixtures: Samples) -> Samples:
            return super().split(mixtures) * np.array([[[3.0], [0.2]]], np.float32)

    plain, loud = (kind(talk.mixture, talk.channels, leak=0.0, noise=0.0) for kind in (Oracle, Loud))
    one, other = (read(separated(talk, oracle, oracle.audio).made) for oracle in (plain, loud))
    assert np.sum((one - other) ** 2) < 1e-3 * np.sum(one**2)


def test_the_same_samples_each_time_whatever_came_before(talk, separated):
    runs = []
    for _ in range(2):
        oracle = Oracle(talk.mixture, talk.channels)
        runs.append(separated(talk, oracle, oracle.audio))
    assert (read(runs[0].made) == read(runs[1].made)).all()
    assert runs[0].conversation.tracks == runs[1].conversation.tracks and runs[0].provenance == runs[1].provenance


def test_of_three_at_once_the_main_one_is_kept_apart_and_that_is_said(talk, separated):
    rate, rng = 16000, np.random.default_rng(1)
    turns = mark_overlaps(
        Turn(speaker, Span(round(start * rate), round(end * rate)))
        for speaker, start, end in (("A", 0, 20), ("B", 12, 15), ("C", 14, 17), ("B", 22, 24), ("A", 30, 40))
    )
    frames = np.zeros((40 * rate, 2), np.float32)
    for turn in turns:
        part = slice(turn.span.start, turn.span.end)
        frames[part, int(turn.speaker != "A")] += 0.05 * rng.standard_normal(len(turn.span)).astype(np.float32)
    three = replace(talk.at(8000), turns=turns)
    mixture, channels = (replace(talk.mixture, frames=made) for made in (frames.sum(axis=1), frames))
    oracle = Oracle(mixture, channels, leak=0.0, noise=0.0)
    outcome = separated(three, oracle, oracle.audio, pairing="main")
    assert outcome.provenance.parameters["crowded"] == 1
    wrong = np.abs(read(outcome.made) - frames).max(axis=1)
    for turn in turns:  # where a ramp is
        for edge in (turn.span.start, turn.span.end):
            wrong[max(0, edge - 100) : edge + 100] = 0
    assert wrong.max() < 2e-4
