"""Guided source separation: its plan, its files, and on an array of four microphones the voices themselves."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Turn
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import gss
from sepdiar.evaluation.gss.__main__ import main
from sepdiar.evaluation.gss.files import written

RATE = 8000
NEMO = importlib.util.find_spec("nemo") is not None


def test_one_channel_is_no_array():
    with pytest.raises(SepdiarError, match="SD202"):
        next(gss.guided(ArrayAudio(np.zeros((800, 1), np.float32), RATE), [Turn("A", Span(0, 400))]))


@pytest.mark.skipif(NEMO, reason="NeMo is installed")
def test_without_nemo_the_refusal_says_what_to_install():
    with pytest.raises(SepdiarError, match="SD250") as refused:
        next(gss.guided(ArrayAudio(np.zeros((800, 2), np.float32), RATE), [Turn("A", Span(0, 400))]))
    assert refused.value.hint == "pip install 'sepdiar[nemo]'"


def test_long_turns_are_cut_in_equal_parts():
    parts = list(gss._cut(Span(100, 1100), 400))
    assert parts == [Span(100, 433), Span(433, 767), Span(767, 1100)]
    assert list(gss._cut(Span(5, 9), 400)) == [Span(5, 9)]


def test_turns_of_one_speaker_are_joined_and_only_those_who_are_heard_count():
    turns = [Turn("B", Span(50, 900)), Turn("A", Span(0, 60)), Turn("A", Span(40, 100)), Turn("C", Span(700, 800))]
    speech = gss._by_speaker(turns, 600)
    assert speech == {"A": (Span(0, 100),), "B": (Span(50, 600),)}
    assert gss._active(speech, "B", Span(0, 200)) == [(Span(50, 600),), (Span(0, 100),)]
    assert gss._active(speech, "B", Span(300, 600)) == [(Span(50, 600),)]


def test_a_file_a_microphone_is_an_array():
    first, second = np.arange(10, dtype=np.float32), np.arange(8, dtype=np.float32)[:, None] * [[1, -1]]
    array = gss.array([ArrayAudio(first, RATE), ArrayAudio(second, RATE)])
    assert (array.samples, array.channels, array.rate) == (8, 3, RATE)
    assert array.read(Span(2, 4)).tolist() == [[2, 2, -2], [3, 3, -3]]


def test_each_speaker_is_written_at_their_place(tmp_path):
    def piece(speaker, start, end):
        return gss.Piece(speaker, Span(start, end), np.full(end - start, 0.5, np.float32))

    audio = ArrayAudio(np.zeros((100, 2), np.float32), RATE)
    paths = written([piece("A", 10, 30), piece("B/1", 20, 40), piece("A", 30, 50)], audio, tmp_path)
    assert [path.name for path in paths] == ["A.wav", "B_1.wav"]
    for path, spans in zip(paths, ([(10, 50)], [(20, 40)]), strict=True):
        made, _ = soundfile.read(path)
        expected = np.zeros(100)
        for start, end in spans:
            expected[start:end] = 0.5
        assert np.array_equal(made, expected)


def voices(seconds):
    """Two voices of tones that come and go, as four microphones hear them from two places."""
    rng = np.random.default_rng(7)
    images = []
    for gains, delays in (((1, 0.9, 0.7, 0.8), (0, 1, 3, 4)), ((0.7, 0.8, 1, 0.9), (5, 3, 1, 0))):
        time = np.arange(round(seconds * RATE)) / RATE
        voice = np.zeros(len(time))
        for start in np.arange(0, seconds, 0.1):
            hertz = rng.uniform(150, 3500, 6)
            inside = (time >= start) & (time < start + 0.12)
            voice[inside] += np.sin(2 * np.pi * hertz[:, None] * time[inside]).sum(axis=0)
        images.append(np.stack([gain * np.roll(0.02 * voice, delay) for gain, delay in zip(gains, delays, strict=True)], axis=1))
    return images


def ratio(reference, estimate):
    target = (reference @ estimate) / (reference @ reference) * reference
    return 10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target)))


@pytest.mark.slow
@pytest.mark.skipif(not NEMO, reason="needs sepdiar[nemo]")
@pytest.mark.parametrize("microphones", [2, 4])
def test_the_voices_of_an_array_are_told_apart(tmp_path, microphones):
    first, second = (image[:, :microphones] for image in voices(6.0))
    first[5 * RATE :], second[: 1 * RATE] = 0, 0
    noise = 1e-4 * np.random.default_rng(1).standard_normal(first.shape)
    mixture = (first + second + noise).astype(np.float32)
    for channel in range(microphones):
        soundfile.write(tmp_path / f"{channel}.wav", mixture[:, channel], RATE, "FLOAT")
    lines = [f"SPEAKER talk 1 {start} {length} <NA> <NA> {who} <NA> <NA>\n" for who, start, length in (("A", 0, 5), ("B", 1, 5))]
    (tmp_path / "turns.rttm").write_text("".join(lines))
    files = [str(tmp_path / f"{channel}.wav") for channel in range(microphones)]
    assert main([*files, "--turns", str(tmp_path / "turns.rttm"), "--out", str(tmp_path / "out"), "--keep-echoes"]) == 0
    overlap = slice(RATE, 5 * RATE)
    for name, image in (("A", first), ("B", second)):
        made, rate = soundfile.read(tmp_path / "out" / f"{name}.wav")
        assert rate == RATE and len(made) == len(mixture)
        apart = max(ratio(image[overlap, channel], made[overlap]) for channel in range(microphones))
        before = max(ratio(image[overlap, channel], mixture[overlap, channel]) for channel in range(microphones))
        print(f"{microphones} microphones, {name}: {before:.1f} dB before, {apart:.1f} dB after")
        assert apart > before + 6


def test_the_plan_needs_neither_torch_nor_nemo():
    code = "import sepdiar.evaluation.gss, sys; sys.exit('torch' in sys.modules or 'nemo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
