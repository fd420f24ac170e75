"""What speaks for whose source is whose: each kind of evidence by itself, and none where there is nothing to hear."""

from __future__ import annotations

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span, Turn, mark_overlaps
from sepdiar.separation.decide import Account
from sepdiar.separation.evidence import Heard, Voices, beside, by_diarization, by_neighbour, cuts, parted
from sepdiar.separation.join import Joiner
from sepdiar.separation.plan import Activity, overlapped, plan
from sepdiar.separation.slices import in_order, sliced
from sepdiar.testing import speaker, speech
from sepdiar.testing.oracle import Oracle

RATE = 16000
PAIR = ("A", "B")


def turns_of(*rows: tuple[str, float, float]) -> tuple[Turn, ...]:
    return mark_overlaps(Turn(one, Span(round(start * RATE), round(end * RATE))) for one, start, end in rows)


def channels_of(turns, seconds: float) -> Samples:
    """A deep voice and a high one, each in its turns."""
    frames = np.zeros((round(seconds * RATE), 2), np.float32)
    for number, turn in enumerate(turns):
        said, _ = speech(["sami", "koto", "pe", "tasu"] * 8, speaker(PAIR.index(turn.speaker)), seed=number)
        frames[turn.span.start : turn.span.end, PAIR.index(turn.speaker)] = np.resize(said[RATE // 4 :], len(turn.span))
    return frames


def heard_of(frames: Samples, start: float, end: float, order: int = 0) -> Heard:
    span = Span(round(start * RATE), round(end * RATE))
    sources = np.ascontiguousarray(frames[span.start : span.end].T[:: 1 - 2 * order])
    return Heard.of(span, sources, RATE)


def listen(samples: Samples, keep: Samples) -> Samples:
    """A voice as the colour of its spectrum."""
    frames = (samples * keep)[: len(samples) // 512 * 512].reshape(-1, 512)
    power = np.log(np.abs(np.fft.rfft(frames * np.hanning(512))[:, 2:130]) ** 2 + 1e-4)
    loud = power.max(axis=1) > np.log(1e-2)
    colour = power[loud].reshape(-1, 32, 4).mean(axis=(0, 2)) if loud.any() else np.ones(32)
    colour = colour - colour.mean()
    return (colour / np.linalg.norm(colour)).astype(np.float32)


TURNS = turns_of(("A", 0, 6), ("B", 5, 10))
FRAMES = channels_of(TURNS, 12)


@pytest.mark.parametrize("order", [0, 1])
def test_who_speaks_alone_is_in_one_source(order):
    votes = by_diarization(heard_of(FRAMES, 3, 8, order), PAIR, Activity(TURNS, 12 * RATE))
    sign = 1 - 2 * order
    assert 8 < sign * votes.sum() <= 10.001
    assert not votes[100:150].any()  # both speak


def test_silence_and_strangers_say_nothing():
    assert not by_diarization(heard_of(0 * FRAMES, 0, 4), PAIR, Activity(TURNS, 12 * RATE)).any()
    stranger = Activity(turns_of(("C", 0, 6), ("A", 10, 11), ("B", 11, 12)), 12 * RATE)
    assert not by_diarization(heard_of(FRAMES, 0, 6), PAIR, stranger).any()
    assert by_neighbour(heard_of(0 * FRAMES, 0, 4), heard_of(0 * FRAMES, 3, 6)) == 0
    assert by_neighbour(heard_of(FRAMES, 0, 4), heard_of(FRAMES, 5, 6)) == 0


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("second", [0, 1])
def test_neighbours_are_alike_in_their_common_part(first, second):
    beside = by_neighbour(heard_of(FRAMES, 3, 6.5, first), heard_of(FRAMES, 5, 9, second))
    assert beside * (1 if first == second else -1) > 8


@pytest.mark.parametrize("order", [0, 1])
def test_voices_are_known_from_clean_turns(order):
    activity = Activity(TURNS, 12 * RATE)
    mixture = FRAMES.sum(axis=1)
    voices = Voices(listen, activity, lambda span: mixture[span.start : span.end], RATE)
    assert (1 - 2 * order) * voices(heard_of(FRAMES, 5, 6, order), PAIR) > 0.6
    assert voices(heard_of(0 * FRAMES, 5, 6), PAIR) == 0


@pytest.mark.parametrize("order", [0, 1])
def test_voices_are_known_from_the_inside_of_an_overlap(order):
    activity = Activity(TURNS, 12 * RATE)
    mixture = FRAMES.sum(axis=1)
    voices = Voices(listen, activity, lambda span: mixture[span.start : span.end], RATE)
    heard, both = heard_of(FRAMES, 4, 7, order), activity.both(PAIR)
    found = voices.inside(heard, heard.span, PAIR, both)
    assert (1 - 2 * order) * found > 4
    assert voices.inside(heard_of(FRAMES, 5, 6, order), both[0], PAIR, both) == pytest.approx(found, rel=0.05)
    assert voices.inside(heard, Span(4 * RATE, round(5.05 * RATE)), PAIR, both) == 0


def test_what_voices_say_goes_by_how_far_these_two_lie_apart():
    """Sources like one speaker each say as much where the two are alike: of those that are all but one, less."""
    activity = Activity(TURNS, 12 * RATE)
    middle = sum(listen(one, np.ones_like(one)) for one in FRAMES.T) / 2

    def inside(common: float) -> float:
        def ear(samples: Samples, keep: Samples) -> Samples:
            vector = np.append(4 * (listen(samples, keep) - middle), np.float32(common))
            return vector / np.linalg.norm(vector)

        voices = Voices(ear, activity, lambda span: FRAMES[span.start : span.end].sum(axis=1), RATE)
        heard = heard_of(FRAMES, 5, 6)
        return voices.inside(heard, heard.span, PAIR, activity.both(PAIR))

    assert inside(0.5) == pytest.approx(inside(0.0), rel=0.1)
    assert 0 < inside(4.0) < 0.6 * inside(0.0)


def test_what_one_says_alone_counts_up_to_a_limit():
    for alone in (-30.0, -1.0, 1.0, 30.0):
        assert 0 < beside(alone, 0.0) < beside(alone, 0.3) < beside(alone, 0.9) == beside(alone, 1.0)
        assert abs(alone * beside(alone, 0.0)) <= 2 and abs(alone * beside(alone, 1.0)) <= 7
    assert beside(0.0, 1.0) == 0


@pytest.mark.parametrize(("leak", "apart", "counts"), [(0.0, 1.0, 1.0), (0.35, 0.09, 0.1)])
def test_sources_that_hold_both_tell_less_of_the_voices(leak, apart, counts):
    activity = Activity(TURNS, 12 * RATE)
    voices = Voices(listen, activity, lambda span: FRAMES[span.start : span.end].sum(axis=1), RATE)
    (region,) = plan(overlapped(TURNS), activity, RATE, 9.0, 0.5)
    span = region.windows[0].span
    mixed = np.array([[1 - leak, leak], [leak, 1 - leak]], np.float32) @ FRAMES[span.start : span.end].T
    heard = Heard.of(span, mixed, RATE)
    (one,) = sliced([heard], region, activity, voices)
    assert one.apart[0][0] == pytest.approx(apart, abs=0.01) and parted(one.apart[0][0]) == pytest.approx(counts, abs=0.01)
    inside = voices.inside(heard, span, PAIR, activity.both(PAIR))
    assert one.cases[0].voice == pytest.approx(voices(heard, PAIR) + parted(one.apart[0][0]) * inside)
    assert inside > 0


@pytest.mark.parametrize(
    ("ear", "end", "doubt", "right"),
    [(listen, 7, 0.0, True), (None, 7, 0.0, False), (listen, 6, 8.0, True), (listen, 6, 30.0, None), (None, 6, 8.0, False)],
)
def test_two_who_change_places_just_where_they_overlap_are_found_out(ear, end, doubt, right):
    """What is alone on both sides of it says that all is well; the voices inside do not; of a second they are not sure."""
    turns = turns_of(("A", 0, end), ("B", 5, 10))
    frames, activity = channels_of(turns, 12), Activity(turns, 12 * RATE)
    mixture = frames.sum(axis=1)
    voices = Voices(ear, activity, lambda span: mixture[span.start : span.end], RATE) if ear else None
    (region,) = plan(overlapped(turns), activity, RATE, 9.0, 0.5)
    (window,) = region.windows
    span, (both,) = window.span, region.stretches
    sources = frames[span.start : span.end].T.copy()
    inside = slice(both.start - span.start, both.end - span.start)
    sources[:, inside] = sources[::-1, inside]
    (made,) = in_order(sliced([Heard.of(span, sources, RATE)], region, activity, voices), Account(), doubt)
    true = frames[both.start : both.end]
    middle = slice(RATE // 4, -RATE // 4)
    straight = float((made[0] - made[1])[inside][middle] @ (true[:, 0] - true[:, 1])[middle])
    assert abs(straight) < 1e-3 if right is None else (straight > 1) == right


def test_slices_are_cut_where_it_is_quiet():
    frames = np.random.default_rng(0).standard_normal((4 * RATE, 2)).astype(np.float32)
    frames[round(0.9 * RATE) : round(0.94 * RATE)] = 0
    heard = heard_of(frames, 0, 4)
    places = cuts(heard, heard.span, [heard.span])
    assert (places[0], places[-1], len(places)) == (0, 200, 5) and places == sorted(places)
    assert places[1] in (45, 46)


def test_stretches_are_slices_of_their_own_but_for_those_that_all_but_touch():
    frames = np.random.default_rng(0).standard_normal((9 * RATE, 2)).astype(np.float32)
    stretches = [Span(round(start * RATE), round(end * RATE)) for start, end in ((1, 1.1), (1.5, 1.6), (1.64, 1.8), (4.0, 6.2))]
    places = cuts(heard_of(frames, 0, 9), Span(RATE // 2, 7 * RATE), stretches)
    assert places[:3] == [25, 65, 145] and places[4:] == [350]
    assert abs(places[3] - 255) <= 13  # the middle of the last, or where it is quieter near that
    assert cuts(heard_of(frames, 0, 9), Span(0, RATE), stretches[-1:]) == [0, 50]


@pytest.mark.parametrize("ear", [listen, None])
def test_where_all_else_is_missing_the_voice_decides(ear):
    """Twelve times both begin and end together, with silence around: nobody is heard alone near it."""
    clean = [("A", 0, 4), ("B", 5, 9)]
    both = [(one, 20 + 12 * k, 22 + 12 * k) for k in range(12) for one in PAIR]
    turns, seconds = turns_of(*clean, *both), 160
    frames = channels_of(turns, seconds)
    oracle = Oracle(ArrayAudio(frames.sum(axis=1), RATE), ArrayAudio(frames, RATE), seed=2)
    account = Account()
    right = 0
    for span, sources in Joiner(oracle, "oracle", ear).sources(oracle.audio, turns, overlapped(turns), account):
        true = frames[span.start : span.end]
        right += float((sources["A"] - sources["B"]) @ (true[:, 0] - true[:, 1])) > 0
    assert account.decided_by["voice" if ear else "nothing"] == 12
    assert right == 12 if ear else 0 < right < 12
