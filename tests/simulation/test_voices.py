"""The speech that is made of nothing: it must look like speech to an energy detector and to clustering by timbre."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.fft import dct

from sepdiar.simulation.manifest import read_manifest
from sepdiar.testing import speaker, speech, voices


def timbre(samples: np.ndarray, rate: int) -> np.ndarray:
    """The mean of a plain cepstrum over the louder frames."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::160] * np.hanning(512)
    loud = (frames**2).mean(axis=1) > 1e-4
    power = np.abs(np.fft.rfft(frames[loud])) ** 2
    bands = np.log(np.add.reduceat(power, np.arange(2, 250, 8), axis=1) + 1e-9)
    return dct(bands, axis=1)[:, 1:14].mean(axis=0)  # type: ignore[no-any-return]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        voices(tmp_path / name, utterances=3, seed=seed)
    files = {name: [path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in "abc"}
    assert files["a"] == files["b"] != files["c"]


def test_words_are_heard_where_they_are_said_to_be() -> None:
    samples, times = speech(["sami", "koto", "pe"], speaker(1))
    said = np.zeros(len(samples), bool)
    for begin, end in times:
        said[round(begin * 16000) : round(end * 16000)] = True
        assert np.sqrt(np.mean(samples[round(begin * 16000) : round(end * 16000)] ** 2)) > 0.02
    assert np.sqrt(np.mean(samples[~said] ** 2)) < 0.001


def test_speakers_are_told_apart_by_their_timbre(tmp_path: Path) -> None:
    utterances = [one for one in read_manifest(voices(tmp_path, speakers=4, utterances=4)) if not one.is_short]
    points = [timbre(soundfile.read(one.file)[0], 16000) for one in utterances]
    names = [one.speaker for one in utterances]
    for point, name in zip(points, names, strict=True):
        near = sorted(range(len(points)), key=lambda i: np.linalg.norm(points[i] - point))
        assert names[near[1]] == name  # the nearest but itself


@pytest.mark.parametrize("word", ["", "xa", "sam", "s"])
def test_words_that_cannot_be_said(word: str) -> None:
    with pytest.raises(ValueError, match=r"letter|vowel"):
        speech([word], speaker(0))
