"""The diarizer of our own networks: its parts with an ideal segmenter made from the truth, and the whole with what is shipped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span, Turn, intersected, merged
from sepdiar.diarization import linking
from sepdiar.diarization.activity import RATE
from sepdiar.diarization.compact import Compact, diarized, voices_of
from sepdiar.diarization.linking import linked, named, speakers_of
from sepdiar.diarization.turns import sounds, turns_of
from sepdiar.diarization.windows import Activity, Plan, listen, together
from sepdiar.errors import SepdiarError

Talks = Callable[..., tuple[ArrayAudio, list[Turn]]]
Rates = Callable[..., float]

PLAN = Plan(hop=160, length=1000, step=250)
SLOTS = 3
PITCHES = np.geomspace(70, 280, 40)


@dataclass(frozen=True)
class Ideal:
    """Hears in each window what the truth says, local speakers in random order; and as real ones do, with mistakes.

    Edges are off by `jitter` frames, and the share `missed` of turns is not heard, the share `swapped` of them in another's name.
    """

    turns: Sequence[Turn]
    jitter: float = 1.5
    missed: float = 0.0
    swapped: float = 0.0

    def __call__(self, places: Sequence[Span], samples: Samples) -> Activity:
        return np.stack([self._window(place) for place in places])

    def _window(self, place: Span) -> Activity:
        rng = np.random.default_rng(place.start)
        inside = [(turn.speaker, part) for turn in self.turns if (part := turn.span & place)]
        names = list(dict.fromkeys(name for name, _ in inside))[:SLOTS]
        slots = dict(zip(names, rng.permutation(SLOTS).tolist(), strict=False))
        heard = np.full((PLAN.length, SLOTS), 0.02, np.float32)
        for name, part in inside:
            fate = rng.random()
            if name in slots and fate >= self.missed:
                slot = int(rng.integers(SLOTS)) if fate < self.missed + self.swapped else slots[name]
                edges = np.array([part.start - place.start, part.end - place.start]) / PLAN.hop + rng.normal(0, self.jitter, 2)
                first, last = np.rint(np.maximum(edges, 0)).astype(int)
                heard[first:last, slot] = 0.98
        return heard


def pitch(samples: Samples, keep: Samples) -> Samples:
    """A voice by its pitch: how alike the sound is to itself at each period. Good enough for voices made of harmonics."""
    spectrum = np.abs(np.fft.rfft(samples * keep, 1 << 18)) ** 2
    alike = np.fft.irfft(spectrum)[np.rint(RATE / PITCHES).astype(int)]
    peak = PITCHES[int(np.argmax(alike * (1 - 0.2 * np.arange(len(PITCHES))[::-1] / len(PITCHES))))]
    bump = np.exp(-0.5 * (np.log(PITCHES / peak) / 0.06) ** 2)
    return (bump / np.linalg.norm(bump)).astype(np.float32)


@pytest.mark.parametrize("voices", [(0,), (0, 1), (2, 3), (0, 1, 2)])
def test_speakers_are_counted_and_told_apart_overlap_included(
    conversation: Talks, error_rate: Rates, voices: tuple[int, ...]
) -> None:
    audio, turns = conversation(voices, 60, gaps=(-0.5, 0.8) if len(voices) > 1 else (0.35, 0.8))
    found = diarized(audio, PLAN, Ideal(turns), pitch)
    assert len({turn.speaker for turn in found}) == len(voices)
    assert error_rate(turns, found, audio) < 0.05


def test_mistakes_in_single_windows_are_outvoted(conversation: Talks, error_rate: Rates) -> None:
    """Four windows hear each moment; where only two of them hear somebody, nobody speaks, which costs some of the error here."""
    audio, turns = conversation((0, 1), 90, gaps=(-0.5, 0.8))
    found = diarized(audio, PLAN, Ideal(turns, missed=0.05, swapped=0.05), pitch, known=2)
    assert error_rate(turns, found, audio) < 0.18


@pytest.mark.parametrize("known", [1, 2, 3])
def test_a_known_number_of_speakers_is_kept(conversation: Talks, known: int) -> None:
    audio, turns = conversation((0, 1, 2), 60)
    assert len({turn.speaker for turn in diarized(audio, PLAN, Ideal(turns), pitch, known=known)}) == known
    assert len({turn.speaker for turn in diarized(audio, PLAN, Ideal(turns), pitch, most=known)}) == known


def test_without_any_voice_to_go_by_windows_agree_by_their_common_frames(conversation: Talks) -> None:
    """The voices are known of the first window alone; from there on only what two windows both hear says who is who."""
    audio, turns = conversation((0, 1), 60, gaps=(-0.5, 0.4))
    windows = listen(audio, PLAN, Ideal(turns))
    voices = voices_of(audio, windows, pitch)
    speakers = speakers_of(windows, voices, 2, 8)
    voices.seconds[1:] = 0
    found = together(windows, named(windows, voices, speakers), 2) > 0.5
    truth = np.zeros_like(found)
    for turn in turns:
        truth[turn.span.start // PLAN.hop : turn.span.end // PLAN.hop, int(turn.speaker == turns[0].speaker)] = True
    assert min((found != truth).mean(), (found[:, ::-1] != truth).mean()) < 0.02


def test_voices_that_sound_alike_stay_two_where_windows_hear_two(conversation: Talks) -> None:
    audio, turns = conversation((0, 1), 60, gaps=(-0.5, 0.4))

    def alike(samples: Samples, keep: Samples) -> Samples:
        vector = np.array([1, pitch(samples, keep).argmax() > 20])
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    windows = listen(audio, PLAN, Ideal(turns))
    assert len(speakers_of(windows, voices_of(audio, windows, alike), 0, 8)) == 2


def test_names_are_one_by_their_voices_and_two_where_both_are_heard_at_once() -> None:
    """Two names of one voice: in different windows, and then in the same ones."""
    vector = np.eye(4, dtype=np.float32)[0]
    seconds = np.zeros((12, SLOTS), np.float32)
    seconds[:6, 0] = seconds[6:, 1] = 4
    names = np.where(seconds > 0, np.array([0, 1, -1]), -1)
    apart = linking.Clusters.by_name(linking.Voices(np.broadcast_to(vector, (12, SLOTS, 4)), seconds), names)
    assert apart.seconds.tolist() == [24, 24] and not apart.evidence.any() and apart.closeness()[0, 1] > 0
    seconds[:, 1] = 3
    beside = linking.Clusters.by_name(
        linking.Voices(np.broadcast_to(vector, (12, SLOTS, 4)), seconds), np.where(seconds > 0, [0, 1, -1], -1)
    )
    assert beside.seconds.tolist() == [24, 36]
    assert beside.evidence.tolist() == [[0, -6 * 3 * linking.APART], [-6 * 3 * linking.APART, 0]]
    assert beside.closeness()[0, 1] < apart.closeness()[0, 1]


@pytest.mark.parametrize(("known", "people"), [(0, 2), (3, 3)])
def test_speakers_whose_voices_prove_to_be_one_are_one(
    conversation: Talks, monkeypatch: pytest.MonkeyPatch, known: int, people: int
) -> None:
    """As where a few local speakers that were two people to begin with are left as a third."""
    audio, turns = conversation((0, 1), 60, gaps=(0.35, 0.8))
    windows = listen(audio, PLAN, Ideal(turns))
    voices = voices_of(audio, windows, pitch)
    first, second = speakers_of(windows, voices, 2, 8)
    late = np.arange(len(windows))[:, None] > len(windows) / 2  # from here on the second sounds a little different
    changed = linking.unit((second + 0.6 * np.roll(second, 6))[None])[0]
    voices.vectors[late & (voices.vectors @ second > 0.8)] = changed
    monkeypatch.setattr(linking, "speakers_of", lambda *_: np.stack([first, second, changed]))
    names, speakers = linked(windows, voices, known, 8)
    assert len(speakers) == people == len(set(names[names >= 0].tolist()))


@pytest.mark.parametrize(("known", "people"), [(0, 2), (3, 3)])
def test_who_is_left_with_a_moment_is_no_speaker(
    conversation: Talks, monkeypatch: pytest.MonkeyPatch, known: int, people: int
) -> None:
    audio, turns = conversation((0, 1), 60, gaps=(-0.5, 0.4))
    windows = listen(audio, PLAN, Ideal(turns))
    voices = voices_of(audio, windows, pitch)
    first, second = speakers_of(windows, voices, 2, 8)
    stranger = linking.unit(np.where(first + second < 0.01, 1, 0)[None].astype(np.float32))[0]
    window, slot = np.argwhere((voices.seconds > 0) & (voices.seconds < linking.LEAST))[0]
    voices.vectors[window, slot] = stranger
    monkeypatch.setattr(linking, "speakers_of", lambda *_: np.stack([first, second, stranger]))
    names, speakers = linked(windows, voices, known, 8)
    assert len(speakers) == people == len(set(names[names >= 0].tolist()))


def test_onsets_are_found_in_the_sound_where_nobody_else_speaks(conversation: Talks) -> None:
    audio, turns = conversation((0, 1), 60, noise=1e-4)
    found = diarized(audio, PLAN, Ideal(turns, jitter=4), pitch)
    errors = [min(abs(turn.span.start - other.span.start) for other in found) for turn in turns]
    assert np.mean(np.array(errors) < 0.025 * RATE) > 0.9
    assert all(left.span.start <= right.span.start for left, right in pairwise(found) if left.speaker == right.speaker)


def test_a_pause_of_more_than_the_turns_own_ends_it_and_a_shorter_one_does_not() -> None:
    loud = np.full(1200, -30, np.float32)
    loud[[*range(200, 252), *range(600, 668)]] = -90  # pauses of 0.26 and 0.34 s
    found = turns_of(np.ones((600, 1), np.float32), 160, 6 * RATE, sounds(loud), 0.3)
    assert len(found) == 2
    assert abs(found[0].span.end - 3 * RATE) < 0.03 * RATE


@pytest.mark.parametrize(("pause", "turns", "turns_in_speech"), [(0.20, 1, 1), (0.25, 1, 2), (0.32, 2, 2)])
def test_while_another_speaks_a_somewhat_shorter_pause_ends_a_turn(pause: float, turns: int, turns_in_speech: int) -> None:
    said = np.ones((600, 2), np.float32)
    said[300 : 300 + round(100 * pause), 0] = 0
    loud = sounds(np.full(1200, -30, np.float32))
    for both, count in ((False, turns), (True, turns_in_speech)):
        said[:, 1] = both
        found = turns_of(said, 160, 6 * RATE, loud, 0.3)
        assert sum(turn.speaker == "1" for turn in found) == count


def test_of_a_network_that_is_late_turns_begin_sooner_but_not_before_their_sound() -> None:
    loud = np.full(1200, -30, np.float32)
    loud[:200] = -90  # 1 s of silence
    said = np.zeros((600, 2), np.float32)
    said[103:, 0], said[300:, 1] = 1, 1  # the second while the first speaks

    def begins(late: float) -> list[int]:
        return [turn.span.start for turn in turns_of(said, 160, 6 * RATE, sounds(loud), 0.3, late)]

    (alone, within), (alone_sooner, within_sooner) = begins(0.0), begins(0.014)
    assert alone == alone_sooner
    assert (within, within - within_sooner) == (3 * RATE, round(0.014 * RATE))
    assert begins(9.0)[1] == alone


def test_turns_of_one_speaker_never_overlap_and_lie_within_the_recording(conversation: Talks) -> None:
    audio, turns = conversation((0, 1), 23.456, gaps=(-1.0, 0.5))
    found = diarized(audio, PLAN, Ideal(turns), pitch)
    assert all(turn.span & Span(0, audio.samples) == turn.span for turn in found)
    for name in {turn.speaker for turn in found}:
        own = [turn.span for turn in found if turn.speaker == name]
        assert sum(map(len, own)) == sum(map(len, merged(own)))
    sides = [[turn.span for turn in found if turn.speaker == name] for name in ("1", "2")]
    assert intersected(*sides)


@dataclass(frozen=True)
class Signs:
    """Hours of two that can be told apart by the sign of every second sample; `who` of shape (frames, 2)."""

    who: NDArray[np.bool_]
    rate: int = RATE
    channels: int = 1
    bits: int = 16

    @property
    def samples(self) -> int:
        return len(self.who) * PLAN.hop

    def read(self, span: Span) -> Samples:
        first, last = span.start // PLAN.hop, -(-span.end // PLAN.hop)
        one, other = (0.1 * np.repeat(self.who[first:last].T, PLAN.hop, axis=1)).astype(np.float32)
        other[1::2] *= -1
        return (one + other)[span.start - first * PLAN.hop :][: len(span), None]

    def segmenter(self, places: Sequence[Span], samples: Samples) -> Activity:
        made = np.zeros((len(places), PLAN.length, SLOTS), np.float32)
        for heard, place in zip(made, places, strict=True):
            part = self.who[place.start // PLAN.hop : place.end // PLAN.hop]
            heard[: len(part), np.random.default_rng(place.start).permutation(SLOTS)[:2]] = part
        return made

    @staticmethod
    def embedder(samples: Samples, keep: Samples) -> Samples:
        voice = np.array([0.5, abs(float((samples * keep).sum())) / float(keep.sum()) / 0.1])
        return (voice / np.linalg.norm(voice)).astype(np.float32)


def test_half_an_hour_is_clustered_in_parts_and_nobody_swaps() -> None:
    rng = np.random.default_rng(0)
    changes = np.cumsum(rng.uniform(100, 400, 720)).astype(int)
    who = np.zeros((180_000, 2), bool)
    for number, (first, last) in enumerate(pairwise(changes.tolist())):
        who[first : last + int(rng.integers(-40, 40)), number % 2] = True
    audio = Signs(who)
    windows = listen(audio, PLAN, audio.segmenter)
    voices = voices_of(audio, windows, audio.embedder)
    speakers = speakers_of(windows, voices, 0, 8)
    found = together(windows, named(windows, voices, speakers), len(speakers)) > 0.5
    assert found.shape == who.shape
    assert min((found != who).mean(), (found[:, ::-1] != who).mean()) < 0.001


@pytest.fixture(scope="module")
def compact() -> Compact:
    try:
        return Compact()
    except SepdiarError as error:
        pytest.skip(f"the weights are not here: {error}")


@pytest.mark.parametrize("seconds", [0.0, 0.01, 3.0])
def test_nobody_speaks_in_silence(compact: Compact, seconds: float) -> None:
    assert compact.diarize(ArrayAudio(np.zeros(round(seconds * RATE), np.float32), RATE)) == []


def test_the_same_audio_gives_the_same_turns_whatever_the_threads(compact: Compact, conversation: Talks) -> None:
    import torch

    audio, _ = conversation((0, 1), 14, gaps=(-0.5, 0.5))
    first = compact.diarize(audio)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert compact.diarize(audio) == first
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert first


@pytest.mark.parametrize(("parameters", "where"), [({"most": 0}, "most"), ({"step": 0.1}, "step"), ({"step": 9.0}, "step")])
def test_what_cannot_be_is_refused(parameters: dict[str, float], where: str) -> None:
    with pytest.raises(SepdiarError) as caught:
        Compact(**parameters)  # type: ignore[arg-type]
    assert caught.value.code == "SD202"
    assert caught.value.where == f"diarize.compact.{where}"


@pytest.mark.parametrize(("seconds", "window"), [(0.3, 1.0), (4.0, 4.0), (15.99, 15.99), (30.0, 16.0)])
def test_a_window_is_no_longer_than_the_recording(
    compact: Compact, conversation: Talks, monkeypatch: pytest.MonkeyPatch, seconds: float, window: float
) -> None:
    """Filled up with silence the segmenter, which goes by the level of its window, hears it worse."""
    lengths: list[int] = []
    hears = compact._hears

    def noted(places: Sequence[Span], samples: Samples) -> Activity:
        lengths.extend(map(len, samples))
        return hears(places, samples)

    monkeypatch.setattr(compact, "_hears", noted)
    audio, _ = conversation((0, 1), seconds)
    compact.diarize(audio)
    assert lengths and {-(-one // 256) for one in lengths} == {-(-round(window * RATE) // 256)}


def test_importing_the_backend_imports_no_torch() -> None:
    code = "import sys, sepdiar.diarization.compact; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("cosine", "count"), [(0.65, 1), (0.5, 1), (0.4, 2), (0.1, 2)])
def test_two_heaps_of_ten_seconds_are_two_people_where_their_voices_lie_apart(cosine: float, count: int) -> None:
    vectors = np.array([[1.0, 0.0], [cosine, np.sqrt(1 - cosine**2)]], np.float32)
    heaps = linking.Clusters(10 * vectors, np.full(2, 10.0, np.float32), np.zeros((2, 2), np.float32))
    assert len(linking.joined_up([heaps], 1, 0, 8)) == count
    assert len(linking.joined_up([heaps], 1, 2, 8)) == 2
