"""What is heard before a window: a bit of each speaker alone, the same each time, and what it tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span, Turn, mark_overlaps
from sepdiar.separation.anchors import Anchors, by_anchors
from sepdiar.separation.decide import Account, Case
from sepdiar.separation.evidence import Heard, separated
from sepdiar.separation.join import Joiner
from sepdiar.separation.plan import Activity, overlapped
from sepdiar.separation.slices import HELD, Sliced, in_order

RATE = 8000


def seconds(start: float, end: float) -> Span:
    return Span(round(start * RATE), round(end * RATE))


# A  0 ========== 4   5 == 6          both from 3 to 4; B is heard alone from 4 to 5 and from 7 to 10
# B           3 ======= 5     7 ====== 10
TURNS = mark_overlaps([Turn("A", seconds(0, 4)), Turn("A", seconds(5, 6)), Turn("B", seconds(3, 5)), Turn("B", seconds(7, 10))])
SAMPLES = 10 * RATE


def voices() -> Samples:
    """A is a low tone, B a high one, each where it speaks."""
    made = np.zeros((2, SAMPLES), np.float32)
    for row, (name, hertz) in enumerate((("A", 200), ("B", 900))):
        tone = np.sin(2 * np.pi * hertz * np.arange(SAMPLES) / RATE).astype(np.float32)
        for turn in TURNS:
            if turn.speaker == name:
                made[row, turn.span.start : turn.span.end] = 0.3 * tone[turn.span.start : turn.span.end]
    return made


class ByPitch:
    """Tells tones apart, but gives them in an order that depends on the length of what it hears; remembers what that was."""

    rate, window = RATE, 8.0

    def __init__(self) -> None:
        self.heard: list[Samples] = []

    def split(self, mixtures: Samples) -> Samples:
        self.heard += list(mixtures)
        spectra = np.fft.rfft(mixtures, axis=1)
        low = np.fft.rfftfreq(mixtures.shape[1], 1 / RATE) < 500
        pair = [np.fft.irfft(spectra * part, mixtures.shape[1], axis=1) for part in (~low, low)]
        return np.stack(pair, axis=1).astype(np.float32)


def test_each_speaker_is_heard_where_nobody_else_is() -> None:
    mixture = voices().sum(axis=0)
    anchors = Anchors(Activity(TURNS, SAMPLES), lambda span: mixture[span.start : span.end], RATE, 1.5)
    before = anchors.before(("A", "B"))
    assert len(before) == 3 * RATE
    for half, hertz in ((before[: len(before) // 2], 200), (before[len(before) // 2 :], 900)):
        spectrum = np.abs(np.fft.rfft(half))
        assert abs(np.fft.rfftfreq(len(half), 1 / RATE)[spectrum.argmax()] - hertz) < 2
        assert np.sort(spectrum)[-1] > 0.9 * np.sqrt((spectrum**2).sum())


def test_who_is_not_heard_alone_for_long_enough_has_no_anchor() -> None:
    mixture = voices().sum(axis=0)
    anchors = Anchors(Activity(TURNS, SAMPLES), lambda span: mixture[span.start : span.end], RATE, 6.0)
    assert not len(anchors.before(("A", "B")))
    assert not len(Anchors(Activity(TURNS, SAMPLES), lambda span: mixture[span.start : span.end], RATE, 0.0).before(("A", "B")))


def test_the_evidence_is_for_the_order_in_which_they_were_heard() -> None:
    right = np.zeros((2, 1000), np.float32)
    right[0, :500] = right[1, 500:] = 0.1
    assert by_anchors(right) == 10 and by_anchors(right[::-1]) == -10
    assert by_anchors(np.zeros((2, 0), np.float32)) == by_anchors(np.ones((2, 10), np.float32)) == 0


def test_a_speaker_who_is_nowhere_alone_near_the_overlap_gets_the_own_source(tmp_path: Path) -> None:
    """With no context, nothing near the overlap tells who is who: the anchors do."""
    sources = voices()
    audio, turns = ArrayAudio(sources.sum(axis=0)[:, None], RATE), TURNS
    made = {}
    for anchor in (0.0, 1.5):
        blind, account = ByPitch(), Account()
        joiner = Joiner(blind, "by pitch", context=0.0, anchor=anchor)
        made[anchor] = dict(next(iter(joiner.sources(audio, turns, overlapped(turns), account)))[1])
        facts = account.facts(RATE)
        assert {len(heard) for heard in blind.heard} == {len(blind.heard[0])}
        assert facts["heard_seconds"] == round(sum(map(len, blind.heard)) / RATE, 3)
    span = seconds(3, 4)
    for row, name in enumerate(("A", "B")):
        true = sources[row, span.start : span.end]
        assert np.corrcoef(made[1.5][name], true)[0, 1] > 0.95
    assert facts["decided_by"]["anchors"] == 1
    assert np.corrcoef(made[0.0]["A"], sources[0, span.start : span.end])[0, 1] < 0.5


def test_where_nothing_tells_them_apart_they_stay_together() -> None:
    sources = voices()
    audio = ArrayAudio(sources.sum(axis=0)[:, None], RATE)
    for anchor, in_doubt in ((0.0, 1), (1.5, 0)):
        account = Account()
        joiner = Joiner(ByPitch(), "by pitch", context=0.0, anchor=anchor, doubt=10.0)
        (span, made), *_ = joiner.sources(audio, TURNS, overlapped(TURNS), account)
        half = audio.read(span)[:, 0] / 2
        assert account.facts(RATE)["in_doubt"] == in_doubt == int(np.abs(made["A"] - half).max() < 1e-6)
        assert np.abs(made["A"] + made["B"] - 2 * half).max() < 1e-6


def test_windows_of_a_pair_are_heard_together_behind_one_anchor() -> None:
    """Five overlaps far from each other: without an anchor each is heard by itself, with one as many as a window holds."""
    again = [Turn(turn.speaker, turn.span.shift(10 * RATE * times)) for times in range(5) for turn in TURNS]
    sources, turns = np.tile(voices(), 5), mark_overlaps(again)
    audio = ArrayAudio(sources.sum(axis=0)[:, None], RATE)
    lengths = {}
    for anchor in (0.0, 1.5):
        blind, account = ByPitch(), Account()
        pieces = list(Joiner(blind, "by pitch", anchor=anchor).sources(audio, turns, overlapped(turns), account))
        lengths[anchor] = [len(heard) / RATE for heard in blind.heard]
        for span, made in pieces:
            for row, name in enumerate(("A", "B")):
                assert np.corrcoef(made[name], sources[row, span.start : span.end])[0, 1] > 0.95
        assert [span for span, _ in pieces] == [seconds(10 * times + 3, 10 * times + 4) for times in range(5)]
        assert account.facts(RATE)["heard_seconds"] == sum(lengths[anchor])
    assert len(lengths[0.0]) == 5 > len(lengths[1.5]) > 1
    assert max(lengths[1.5]) <= ByPitch.window + 3


def test_where_nobody_is_known_nothing_is_in_doubt() -> None:
    """As where the separator comes before the diarizer: whose track is whose is not asked yet."""
    audio, whole = ArrayAudio(voices().sum(axis=0)[:, None], RATE), Span(0, SAMPLES)
    turns, account = mark_overlaps([Turn("track 1", whole), Turn("track 2", whole)]), Account()
    pieces = list(Joiner(ByPitch(), "by pitch", doubt=10.0).sources(audio, turns, overlapped(turns), account))
    assert account.facts(RATE)["in_doubt"] == 0 and len(pieces) == len({span for span, _ in pieces}) > 0


def test_what_is_in_doubt_tells_nothing_of_what_comes_behind_it() -> None:
    """However long a region is, and wherever the windows end that are decided together."""
    heard = Heard.of(seconds(0, 1), np.zeros((2, RATE), np.float32), RATE)
    account = Account()
    windows = [Sliced(heard, [0, 50], [Case(0.0, 0.0, 9.0)], [(1.0, RATE)])] * (5 * HELD)
    assert len(list(in_order(windows, account, doubt=8.0))) == 5 * HELD
    assert account.facts(RATE)["in_doubt"] == account.facts(RATE)["slices"] == 5 * HELD
    assert account.facts(RATE)["separated"] == 0
    account.clear()
    assert account.facts(RATE)["separated"] == 1, "nothing was used"


@pytest.mark.parametrize(("doubt", "leak", "together"), [(8.0, 0.4, True), (8.0, 0.1, False), (0.0, 0.4, False)])
def test_sources_that_hardly_differ_stay_together_whatever_speaks_for_an_order(doubt: float, leak: float, together: bool) -> None:
    sources = np.array([[1 - leak, leak], [leak, 1 - leak]], np.float32) @ voices()[:, :RATE]
    slice_ = Sliced(Heard.of(seconds(0, 1), sources, RATE), [0, 50], [Case(0.0, 40.0)], [(0.6, RATE)])
    (made,) = in_order([slice_], Account(), doubt=doubt)
    assert np.array_equal(made[0], made[1]) == together


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("doubt", "together"), [(8.0, True), (0.0, False)])
def test_where_two_change_places_within_a_slice_the_moment_between_stays_together(
    doubt: float, together: bool, order: int
) -> None:
    """Whatever speaks for the slice; what lies on both sides of it is given."""
    one, other = voices()[:, 3 * RATE : 4 * RATE].astype(np.float64)
    share = np.clip((np.arange(RATE) - 0.3 * RATE) / (0.4 * RATE), 0, 1)  # how far they have changed
    sources = np.stack([(1 - share) * one + share * other, share * one + (1 - share) * other]).astype(np.float32)
    slice_ = Sliced(Heard.of(seconds(0, 1), sources, RATE), [0, 50], [Case(0.0, 40.0 * order)], [(0.6, RATE)])
    (made,) = in_order([slice_], Account(), doubt=doubt)
    middle, ends = slice(round(0.46 * RATE), round(0.54 * RATE)), np.r_[: RATE // 4, -RATE // 4 : 0]
    assert np.array_equal(made[0, middle], made[1, middle]) == together
    assert np.allclose(made[:, ends], sources[::order, ends], atol=1e-6)
    assert np.allclose(made.sum(axis=0), sources.sum(axis=0), atol=1e-5)


class Hedging(ByPitch):
    """Tells tones apart where one sounds, and leaves nine tenths of each where both do."""

    def split(self, mixtures: Samples) -> Samples:
        made = super().split(mixtures)
        both = slice(6 * RATE, 7 * RATE)  # of three seconds of anchor, and a window that begins at 0
        half = made[:, :, both].mean(axis=1, keepdims=True)
        made[:, :, both] = half + 0.1 * (made[:, :, both] - half)
        return made


def test_what_was_hardly_separated_is_in_doubt_however_sure_the_rest_is() -> None:
    sources = voices()
    audio = ArrayAudio(sources.sum(axis=0)[:, None], RATE)
    counted = []
    for blind, in_doubt in ((ByPitch(), False), (Hedging(), True)):
        account = Account()
        joiner = Joiner(blind, "by pitch", context=3.0, anchor=1.5, doubt=10.0)
        ((span, made),) = joiner.sources(audio, TURNS, overlapped(TURNS), account)
        assert span == seconds(3, 4) and len(blind.heard[0]) == 10 * RATE
        half = audio.read(span)[:, 0] / 2
        middle = slice(RATE // 4, 3 * RATE // 4)
        assert (np.abs(made["A"] - half)[middle].max() < 1e-6) == in_doubt
        counted.append(account.facts(RATE)["in_doubt"])
    assert counted[0] < counted[1]


def test_how_far_sources_lie_apart() -> None:
    """Of two tones of one level: wholly separated, a tenth of the way, and not at all; and what is not used tells nothing."""
    tones, span = voices()[:, 3 * RATE : 4 * RATE], seconds(0, 1)
    for share, expected in ((1.0, 1.0), (0.1, 0.01), (0.0, 0.0)):
        heard = Heard.of(span, tones.mean(axis=0) + share * (tones - tones.mean(axis=0)), RATE)
        assert np.isclose(separated(heard, span, [seconds(0, 0.5)]), (expected, RATE / 2), rtol=0.02).all()
        assert separated(heard, span, [seconds(2, 3)]) == (1.0, 0)
    silence = Heard.of(span, np.zeros((2, RATE), np.float32), RATE)
    assert separated(silence, span, [span]) == (1.0, 0), "silence is nobody's"
