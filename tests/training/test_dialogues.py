"""Windows of dialogue: what is said where, as `sepdiar simulate` would write it down."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sepdiar.conversation import Span, intersected
from sepdiar.simulation.manifest import Utterance, read_manifest
from sepdiar.simulation.speech import listen_to
from sepdiar.testing import voices
from sepdiar.training.corpus import RATE, Corpus, decoded
from sepdiar.training.dialogues import SPEEDS, Dialogues, Drawing, Hearing, Memory, Window
from sepdiar.training.pitch import pitch_of
from sepdiar.training.segmentation import CLEAN

HOP = 256
PLAIN = replace(CLEAN, seconds=6.0)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voices(tmp_path_factory.mktemp("voices"), speakers=4, utterances=4)


@pytest.fixture(scope="module")
def corpus(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return decoded(read_manifest(manifest), "all", tmp_path_factory.mktemp("cache"))


def windows(corpus: Corpus, drawing: Drawing, count: int, seed: int = 0) -> list[Window]:
    dialogues, rng = Dialogues(corpus, drawing), np.random.default_rng(seed)
    return [dialogues.window(rng) for _ in range(count)]


def test_the_same_seed_gives_the_same_window(corpus: Corpus) -> None:
    drawing = Drawing(seconds=4.0)
    one, other = windows(corpus, drawing, 3), windows(corpus, drawing, 3)
    for first, second in zip(one, other, strict=True):
        assert np.array_equal(first.samples, second.samples)
        assert (first.turns, first.voices) == (second.turns, second.voices)
    assert not np.array_equal(one[0].samples, windows(corpus, drawing, 1, seed=1)[0].samples)


def test_a_clean_window_is_silent_but_in_its_turns(corpus: Corpus) -> None:
    for window in windows(corpus, PLAIN, 4):
        spoken = np.zeros(len(window.samples), bool)
        for span in (span for spans in window.turns for span in spans):
            spoken[span.start : span.end] = True
        assert not window.samples[~spoken].any()
        assert np.mean(window.samples[spoken] ** 2) > 1e-4


def test_before_an_anchored_window_each_of_the_two_is_alone(corpus: Corpus) -> None:
    drawing = replace(PLAIN, anchored=1.0, anchor=(1.5, 1.5), overlap=(0.4, 0.4))
    for window in windows(corpus, drawing, 4):
        activity = window.activity(HOP, 2)
        place = round(1.5 * RATE / HOP)
        (first, second), rest = (activity[:place], activity[place : 2 * place]), activity[2 * place + 1 :]
        assert first[:, 0].mean() > 0.5 < second[:, 1].mean() and rest.any()
        assert not first[:-1, 1].any() and not second[1:-1, 0].any()
        for who, part in enumerate((window.samples[: round(1.5 * RATE)], window.samples[round(1.5 * RATE) : 3 * RATE])):
            spans = [one for span in window.turns[who] if (one := span & Span(who * len(part), (who + 1) * len(part)))]
            spoken = np.zeros(len(part), bool)
            for span in spans:
                spoken[span.start - who * len(part) : span.end - who * len(part)] = True
            assert not part[~spoken].any() and np.mean(part[spoken] ** 2) > 1e-4


def test_in_a_call_nothing_is_above_the_line(corpus: Corpus) -> None:
    for window in windows(corpus, replace(PLAIN, line=1.0), 4):
        power = np.abs(np.fft.rfft(window.samples)) ** 2
        hertz = np.fft.rfftfreq(len(window.samples), 1 / RATE)
        assert power[(hertz > 300) & (hertz < 3000)].sum() > 100 * power[hertz > 4300].sum()


def test_edges_are_those_of_the_simulator(manifest: Path, corpus: Corpus) -> None:
    memory = Memory(corpus)
    known = {utterance.id: utterance for utterance in read_manifest(manifest)}
    for clip in corpus.clips[:6]:
        utterance = replace(known[clip.id], words=None)
        ours, theirs = memory.recall(utterance), listen_to(utterance, RATE)
        assert ours and theirs
        assert ours.spans == theirs.spans
        assert ours.dips == theirs.dips
        assert np.abs(ours.samples - theirs.samples).max() < 0.01 * np.abs(theirs.samples).max()


def test_at_another_speed_the_edges_move_along(corpus: Corpus) -> None:
    memory, speaker = Memory(corpus), corpus.clips[0].speaker
    for line in (Utterance(clip.id, speaker, corpus.file, "") for clip in corpus.by_speaker()[speaker]):
        usual, fast = (Hearing(memory, {speaker: speed}).hear(line) for speed in (1.0, 1.15))
        assert usual and fast
        assert len(fast) == pytest.approx(len(usual) / 1.15, abs=1)
        for before, after in zip(usual.spans, fast.spans, strict=True):
            assert (after.start, after.end) == pytest.approx((before.start / 1.15, before.end / 1.15), abs=1)
            loud = np.flatnonzero(np.abs(fast.samples[after.start : after.end]) > 1e-2)
            assert loud[0] < 0.06 * RATE


def test_overlap_is_near_what_is_asked(corpus: Corpus) -> None:
    shares = []
    for overlap in (0.0, 0.4):
        found = windows(corpus, replace(PLAIN, seconds=12.0, overlap=(overlap, overlap)), 10)
        active = np.concatenate([window.activity(HOP, 3).sum(1) for window in found])
        shares.append((active > 1).sum() / (active > 0).sum())
    assert shares[0] == 0
    assert shares[1] == pytest.approx(0.4, abs=0.15)


@pytest.mark.parametrize(("people", "kind"), [(0, "nobody"), (1, "alone"), (3, "third")])
def test_as_many_speak_as_are_asked(corpus: Corpus, people: int, kind: str) -> None:
    found = windows(corpus, replace(PLAIN, seconds=15.0, **{kind: 1.0}), 6)  # type: ignore[arg-type]
    assert max(len(window.turns) for window in found) == people
    assert all(len(set(window.voices)) == len(window.turns) for window in found)


def test_a_voice_is_a_speaker_at_a_speed(corpus: Corpus) -> None:
    drawing = replace(PLAIN, other=0.5)
    heard = {voice for window in windows(corpus, drawing, 30) for voice in window.voices}
    assert max(heard) < len(SPEEDS) * len(corpus.speakers)
    assert {voice % len(SPEEDS) for voice in heard} == set(range(len(SPEEDS)))


def test_two_who_are_alike_have_nearly_one_pitch_and_one_speed(corpus: Corpus) -> None:
    clips = corpus.by_speaker()
    pitches = np.log([pitch_of(corpus, own) for own in clips.values()])
    apart = {}
    for share in (0.0, 1.0):
        pairs = [
            window.voices for window in windows(corpus, replace(PLAIN, alike=share, other=0.5), 24) if len(window.voices) == 2
        ]
        apart[share] = np.mean([abs(pitches[one // len(SPEEDS)] - pitches[other // len(SPEEDS)]) for one, other in pairs])
        assert all(one % len(SPEEDS) == other % len(SPEEDS) for one, other in pairs) == bool(share)
    assert apart[1.0] < 0.8 * apart[0.0]


def test_activity_is_read_at_the_middle_of_a_frame() -> None:
    window = Window(
        np.zeros(4 * HOP + 1, np.float32), ((Span(HOP // 2, 2 * HOP + HOP // 2),), (Span(HOP // 2 + 1, 5 * HOP),)), (0, 1)
    )
    assert window.activity(HOP, 3).astype(int).tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_hard_sound_leaves_the_turns_alone(corpus: Corpus) -> None:
    hard = replace(PLAIN, room=1.0, band=1.0, colour=1.0, noise=1.0, even=1.0, volume=(-10.0, 5.0))
    for plain, window in zip(windows(corpus, PLAIN, 1), windows(corpus, hard, 1), strict=True):
        assert plain.turns == window.turns
        assert not np.array_equal(plain.samples, window.samples)
    for window in windows(corpus, hard, 3):
        assert np.isfinite(window.samples).all()
        assert window.samples.dtype == np.float32
        assert np.mean(window.samples**2) > 0


def test_three_never_speak_at_once(corpus: Corpus) -> None:
    for window in windows(corpus, replace(PLAIN, third=1.0, overlap=(0.4, 0.4)), 10):
        first, *others = window.turns or ((),)
        assert not (len(others) == 2 and intersected(intersected(first, others[0]), others[1]))


def test_what_is_remembered_stays_behind_when_it_travels(corpus: Corpus) -> None:
    dialogues = Dialogues(corpus, PLAIN)
    before = len(pickle.dumps(dialogues))
    dialogues.window(np.random.default_rng(4))
    assert len(pickle.dumps(dialogues)) < before + 1000
