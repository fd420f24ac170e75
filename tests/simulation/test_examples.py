"""The podcasts that ship, and the script that makes them."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from sepdiar.conversation import Conversation

NAMES = ("bread.flac", "lighthouse.flac", "stars.opus")


@pytest.fixture(scope="module")
def maker(podcasts: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_podcasts", podcasts.parent / "make_podcasts.py")
    if spec is None or spec.loader is None:
        raise ImportError("make_podcasts.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def test_they_are_small_and_half_a_minute_or_more(podcasts: Path) -> None:
    audio = [path for path in podcasts.iterdir() if path.suffix in (".flac", ".opus")]
    assert sorted(path.name for path in audio) == list(NAMES)
    assert all(30 <= soundfile.info(path).duration <= 60 for path in audio)
    everything = [path for folder in (podcasts, podcasts.parent / "truth") for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in everything) < 3_000_000


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_is_that_of_the_podcast(podcasts: Path, name: str) -> None:
    folder = podcasts.parent / "truth" / Path(name).stem
    truth = Conversation.from_json((folder / "conversation.json").read_text())
    heard, rate = soundfile.read(folder / truth.recording.path)
    channels, its_rate = soundfile.read(folder / "channels.flac")
    assert truth.recording.sha256 == hashlib.sha256((podcasts / name).read_bytes()).hexdigest()
    assert rate == its_rate == truth.recording.rate
    assert len(heard) == len(channels) == truth.recording.samples
    rest = heard - channels.sum(axis=1)
    assert 10 * np.log10(np.mean(heard**2) / (np.mean(rest**2) + 1e-12)) > 8
    assert any(turn.overlap for turn in truth.turns)
    assert all(turn.words for turn in truth.turns)


def test_every_word_of_the_scripts_is_in_the_truth(podcasts: Path, maker: ModuleType) -> None:
    for name in NAMES:
        stem = Path(name).stem
        lines = filter(None, map(maker.LINE.fullmatch, (podcasts.parent / "scripts" / f"{stem}.txt").read_text().splitlines()))
        written = sorted(word for line in lines for word in maker.words_of(line["text"]))
        truth = Conversation.from_json((podcasts.parent / "truth" / stem / "conversation.json").read_text())
        assert sorted(word.text for turn in truth.turns for word in turn.words) == written


def test_phones_are_aligned_past_weakened_vowels(maker: ModuleType) -> None:
    assert maker.align(["dh", "ah", "k", "ae", "t"], ["dh", "ax", "k", "ae", "t"]) == [0, 1, 2, 3, 4, 5]
    assert maker.align(["ae", "n", "d", "ae", "n", "d"], ["ae", "n", "ae", "n", "d"]) == [0, 1, 2, 2, 3, 4, 5]


@pytest.mark.skipif(not shutil.which("flite"), reason="needs flite")
def test_words_lie_where_the_voice_speaks(maker: ModuleType, tmp_path: Path) -> None:
    words = maker.speak("slt", "The bread is good, and so is the tea.", tmp_path / "line.wav")
    samples, rate = soundfile.read(tmp_path / "line.wav")
    assert [word for word, _, _ in words] == ["the", "bread", "is", "good", "and", "so", "is", "the", "tea"]
    assert all(begin < end for _, begin, end in words)
    loud = max(np.abs(samples))
    for _, begin, end in words:
        assert np.abs(samples[round(begin * rate) : round(end * rate)]).max() > 0.1 * loud
    assert words[4][1] - words[3][2] > 0.05  # the comma
