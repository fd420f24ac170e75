"""Two people whom the segmenter takes for one, now this and now that: their voices alone tell who is who."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.diarization import by_voice
from sepdiar.diarization.activity import RATE
from sepdiar.diarization.compact import told_apart
from sepdiar.diarization.windows import Activity, Plan, Windows, listen

Talks = Callable[..., tuple[ArrayAudio, list[Turn]]]
Rates = Callable[..., float]

PLAN = Plan(hop=160, length=1000, step=250)
TONES = (200, 300, 450)  # Hz, one a voice


@dataclass(frozen=True)
class Confused:
    """Hears when somebody speaks, but of a share of turns not who: these are any local speaker's, of overlap the other one's."""

    turns: Sequence[Turn]
    share: float = 1.0

    def __call__(self, places: Sequence[Span], samples: Samples) -> Activity:
        return np.stack([self._window(place) for place in places])

    def _window(self, place: Span) -> Activity:
        rng = np.random.default_rng(place.start)
        heard = np.full((PLAN.length, 3), 0.02, np.float32)
        for turn in self.turns:
            if part := turn.span & place:
                first, last = (part.start - place.start) // PLAN.hop, -(-(part.end - place.start) // PLAN.hop)
                known = self.share < 1 and rng.random() >= self.share
                likely = [int(turn.speaker[-1])] if known else rng.permutation(2).tolist()
                free = [slot for slot in likely if not (heard[first:last, slot] > 0.5).any()]
                heard[first:last, free[0] if free else 2] = 0.98
        return heard


def talk(voices: int, seconds: float = 90, seed: int = 0) -> tuple[ArrayAudio, list[Turn]]:
    """Turns of 1 to 3 s, each in the tone of who speaks; most overlap a little."""
    rng, count = np.random.default_rng(seed), round(seconds * RATE)
    samples, turns, at, last = (1e-4 * rng.standard_normal(count)).astype(np.float32), [], RATE // 2, -1
    while at < count - 4 * RATE:
        who = int(rng.choice([name for name in range(voices) if name != last] or [0]))
        span = Span(at, at + round(rng.uniform(1, 3) * RATE))
        samples[span.start : span.end] += 0.1 * np.sin(2 * np.pi * TONES[who] * np.arange(len(span)) / RATE).astype(np.float32)
        turns.append(Turn(f"voice {who}", span))
        at, last = span.end + round(rng.uniform(-0.5, 0.4) * RATE), who
    return ArrayAudio(samples, RATE), turns


def ear(samples: Samples, keep: Samples) -> Samples:
    """How loud each tone is, as a vector of length 1."""
    clock = np.arange(len(samples)) / RATE
    loud = np.array([abs(np.mean(samples * keep * np.exp(2j * np.pi * tone * clock))) for tone in TONES]) + 1e-3
    return (loud / np.linalg.norm(loud)).astype(np.float32)


@pytest.mark.parametrize(("voices", "known"), [(2, 0), (2, 2), (3, 0)])
def test_those_whom_windows_mix_are_told_apart_by_their_voices(voices: int, known: int, error_rate: Rates) -> None:
    audio, turns = talk(voices)
    told = told_apart(audio, PLAN, Confused(turns), ear, known=known, most=8, pause=0.3)
    assert len({turn.speaker for turn in told.turns}) == voices
    assert error_rate(turns, told.turns, audio) < 0.03
    mixed = told_apart(audio, PLAN, Confused(turns), ear, known=known, most=8, pause=0.3, whole=True)
    assert error_rate(turns, mixed.turns, audio) > 0.04


def test_where_windows_know_who_is_who_nothing_changes() -> None:
    audio, turns = talk(2)
    one, other = (
        told_apart(audio, PLAN, Confused(turns, share=0.0), ear, known=0, most=8, pause=0.3, whole=whole)
        for whole in (False, True)
    )
    assert one.turns == other.turns


@pytest.mark.parametrize("voices", [2, 3])
def test_now_and_then_a_window_is_wrong_and_voices_mend_it(voices: int, error_rate: Rates) -> None:
    audio, turns = talk(voices)
    told = told_apart(audio, PLAN, Confused(turns, share=0.15), ear, known=0, most=8, pause=0.3)
    assert len({turn.speaker for turn in told.turns}) == voices
    assert error_rate(turns, told.turns, audio) < 0.02


@pytest.mark.parametrize(("margin", "moved"), [(0.0, 1.0), (0.2, 0.0)])
def test_a_stretch_stays_with_whom_the_window_names_unless_another_voice_is_clearly_nearer(margin: float, moved: float) -> None:
    turns = [Turn("voice 0", Span(RATE, 4 * RATE))]
    windows = listen(ArrayAudio(np.zeros(10 * RATE, np.float32), RATE), PLAN, Confused(turns, share=0.0))
    between = np.array([[np.cos(np.radians(50)), np.sin(np.radians(50))]], np.float32)
    told = by_voice.Stretches(np.array([100]), np.array([350]), between, np.array([2.5], np.float32))
    owners, share = by_voice.owners(windows, np.array([[0, 1, -1]]), told, np.eye(2, dtype=np.float32), margin)
    assert share == moved
    assert set(owners[0, 100:400, 0].tolist()) == {int(moved)}


def windows_of(turns: Sequence[Turn], audio: ArrayAudio) -> Windows:
    return listen(audio, PLAN, Confused(turns))


@pytest.mark.parametrize("seconds", [6.0, 12.0, 47.3, 90.0])
def test_stretches_are_all_that_one_speaks_alone_and_each_moment_once(seconds: float) -> None:
    audio, turns = talk(2, seconds)
    stretches = by_voice.stretches_of(audio, windows_of(turns, audio), ear)
    spoken = np.zeros(PLAN.frames(audio.samples) + PLAN.length, int)
    for turn in turns:
        spoken[turn.span.start // PLAN.hop : turn.span.end // PLAN.hop] += 1
    heard = np.zeros_like(spoken)
    for start, end in zip(stretches.starts, stretches.ends, strict=True):
        heard[start:end] += 1
        assert (end - start) * PLAN.hop <= by_voice.MOST * RATE + PLAN.hop
    assert heard.max() == 1
    assert (heard[spoken == 1] == 1).mean() > 0.85  # the rest is in parts that are too short
    assert (spoken[heard == 1] == 1).mean() > 0.98
    assert np.allclose(stretches.seconds, (stretches.ends - stretches.starts) * PLAN.hop / RATE)


def test_every_frame_is_named_after_the_stretch_it_lies_in_and_overlap_is_two_people() -> None:
    audio, turns = talk(2, 60)
    windows = windows_of(turns, audio)
    stretches = by_voice.stretches_of(audio, windows, ear)
    speakers = by_voice.speakers_of(stretches, np.zeros((1, len(TONES)), np.float32), 0, 2)
    assert len(speakers) == 2
    names: NDArray[np.intp] = np.zeros((len(windows), 3), np.intp)
    owners, moved = by_voice.owners(windows, names, stretches, speakers)
    assert 0.3 < moved < 0.7  # what the second says
    first = (
        speakers @ ear(np.sin(2 * np.pi * TONES[0] * np.arange(RATE) / RATE).astype(np.float32), np.ones(RATE, np.float32))
    ).argmax()
    wrong = both = 0
    for window, start in enumerate(windows.starts.tolist()):
        active = windows.active(window)
        overlapped = np.flatnonzero(active.sum(1) == 2)
        both += sum(len(set(owners[window, frame][active[frame]].tolist())) == 1 for frame in overlapped.tolist())
        for turn in turns:
            if span := Span(turn.span.start // PLAN.hop, turn.span.end // PLAN.hop) & Span(start, start + PLAN.length):
                span = span.shift(-start)
                alone = windows.alone(window)[span.start : span.end]
                name = first if turn.speaker == "voice 0" else 1 - first
                wrong += int((owners[window, span.start : span.end][alone] != name).sum())
    assert not both
    assert wrong / (len(windows) * PLAN.length) < 0.02


def stretches(*said: tuple[float, float]) -> by_voice.Stretches:
    """Of so many seconds each, in a voice that is an angle, in degrees."""
    seconds = np.array([one for one, _ in said], np.float32)
    angles = np.radians([angle for _, angle in said])
    ends = np.cumsum(seconds * RATE / PLAN.hop).astype(int)
    return by_voice.Stretches(ends - 1, ends, np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32), seconds)


@pytest.mark.parametrize(("known", "count"), [(0, 3), (2, 2), (3, 3)])
def test_whom_only_short_stretches_have_is_taken_from_those_found_before(known: int, count: int) -> None:
    told = stretches(*[(2.0, 0.0), (2.0, 80.0)] * 6, *[(0.5, 170.0)] * 6)
    before = np.array([[0.7, 0.7], [np.cos(np.radians(170)), np.sin(np.radians(170))]], np.float32)
    found = by_voice.speakers_of(told, before, known, 8)
    assert len(found) == count
    assert ((found @ before[1]).max() > 0.99) == (count == 3)


def test_overlap_keeps_the_name_of_the_window_where_marks_would_make_one_of_two() -> None:
    """Two are heard, and a stretch of the first's voice reaches into both."""
    own = np.zeros((4, 3), np.int8)
    active = np.array([[True, True, False]] * 4)
    by_voice._made_two(own, active, np.array([0, 2, -1]), 3)
    assert (own[:, :2] == [0, 2]).all()


def test_where_nobody_speaks_nobody_is_found() -> None:
    audio = ArrayAudio(np.zeros(20 * RATE, np.float32), RATE)
    windows = windows_of([], audio)
    nobody = by_voice.stretches_of(audio, windows, ear)
    assert not len(nobody)
    before = np.zeros((1, len(TONES)), np.float32)
    assert by_voice.speakers_of(nobody, before, 0, 8) is before
    told = told_apart(audio, PLAN, Confused([]), ear, known=0, most=8, pause=0.3)
    assert not told.turns and told.facts == {"sure": 0.0, "likeness": -1.0}


@pytest.mark.parametrize("step", [50, 125, 250, 500])
def test_whatever_the_step_of_windows_stretches_are_as_long(step: int) -> None:
    audio, turns = talk(2, 60)
    windows = listen(audio, Plan(PLAN.hop, PLAN.length, step), Confused(turns))
    assert by_voice.stretches_of(audio, windows, ear).seconds.max() > 2
