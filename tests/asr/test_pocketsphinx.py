"""PocketSphinx: silence has no words, and neither order nor history changes any."""

from __future__ import annotations

import hashlib
import tomllib
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sepdiar.asr.pocketsphinx import PocketSphinx
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.registry import load
from sepdiar.store.disk import tree_sha256

RATE = 16000
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def recognizer() -> PocketSphinx:
    return PocketSphinx()


def babble(seed: int, seconds: float = 2.0) -> np.ndarray:
    """Buzzing syllables, in which the recogniser hears words of some kind."""
    rng, time = np.random.default_rng(seed), np.arange(int(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * rng.uniform(100, 140) * k * time) / k for k in range(1, 25))
    syllables = np.maximum(0, np.sin(2 * np.pi * rng.uniform(1.5, 3) * time))
    return (0.1 * voice * syllables + 0.002 * rng.standard_normal(time.size)).astype(np.float32)


def test_it_is_found_by_its_entry_point() -> None:
    assert load("recognizer", "pocketsphinx") is PocketSphinx


def test_what_was_heard_before_changes_no_word(recognizer: PocketSphinx) -> None:
    first, second = ArrayAudio(babble(1), RATE), ArrayAudio(babble(2), RATE)
    whole = Span(0, first.samples)
    alone = PocketSphinx().transcribe(second, [whole])
    assert alone
    recognizer.transcribe(first, [whole])
    assert recognizer.transcribe(second, [whole]) == alone
    recognizer.transcribe(ArrayAudio(np.zeros(RATE, np.float32), RATE), [Span(0, RATE)])
    assert recognizer.transcribe(second, [whole]) == alone


def test_neither_the_order_of_turns_nor_other_turns_change_a_word(recognizer: PocketSphinx) -> None:
    audio = ArrayAudio(np.concatenate([babble(1), np.zeros(RATE, np.float32), babble(2)]), RATE)
    spans = [Span(0, 2 * RATE), Span(3 * RATE, 5 * RATE)]
    both = recognizer.transcribe(audio, spans)
    assert recognizer.transcribe(audio, spans[::-1]) == both
    assert [word for span in spans for word in recognizer.transcribe(audio, [span])] == both


def test_words_are_in_order_inside_the_turns_longer_than_nothing_and_clean(recognizer: PocketSphinx) -> None:
    audio = ArrayAudio(np.concatenate([babble(seed) for seed in range(4)]), RATE)
    spans = [Span(1000, 30_000), Span(40_123, 111_111), Span(120_000, audio.samples + 50_000)]
    words = recognizer.transcribe(audio, spans)
    assert len(words) > 5
    assert all(any(span.start <= word.span.start < word.span.end <= span.end for span in spans) for word in words)
    assert all(before.span.end <= after.span.start for before, after in pairwise(words))
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in words)
    assert not any(set(word.text) & set("<>[]()+") or not word.text for word in words)


@pytest.mark.parametrize("frames", [np.zeros(3 * RATE), 1e-4 * np.random.default_rng(3).standard_normal(3 * RATE)])
def test_a_quiet_channel_has_no_words(recognizer: PocketSphinx, frames: np.ndarray) -> None:
    assert recognizer.transcribe(ArrayAudio(frames.astype(np.float32), RATE), [Span(0, 3 * RATE)]) == []


def test_no_turns_tiny_turns_and_turns_behind_the_end_have_no_words(recognizer: PocketSphinx) -> None:
    audio = ArrayAudio(babble(1), RATE)
    assert recognizer.transcribe(audio, []) == []
    assert recognizer.transcribe(audio, [Span(500, 501)]) == []
    assert recognizer.transcribe(audio, [Span(10 * RATE, 11 * RATE)]) == []
    assert recognizer.transcribe(ArrayAudio(np.zeros(0, np.float32), RATE), [Span(0, RATE)]) == []


def test_it_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    PocketSphinx().transcribe(ArrayAudio(babble(1), RATE), [Span(0, 2 * RATE)])
    assert capfd.readouterr() == ("", "")


def test_the_model_is_named_by_a_hash_that_sha256sum_gives(recognizer: PocketSphinx, tmp_path: Path) -> None:
    assert recognizer.model.startswith("pocketsphinx en-us ")
    assert len(recognizer.model_sha256) == 64
    (tmp_path / "b").write_text("2")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "c").write_text("1")
    lines = f"{hashlib.sha256(b'1').hexdigest()}  a/c\n{hashlib.sha256(b'2').hexdigest()}  b\n"
    assert tree_sha256(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_an_utterance_of_ten_minutes_is_refused() -> None:
    with pytest.raises(SepdiarError, match="SD202"):
        PocketSphinx(longest_seconds=600)


def test_the_card_names_the_model_that_is_installed(recognizer: PocketSphinx) -> None:
    card = tomllib.loads((ROOT / "models" / "pocketsphinx-en-us" / "card.toml").read_text())
    if card["version"] != version("pocketsphinx"):
        pytest.skip(f"the card is of pocketsphinx {card['version']}")
    assert card["sha256"] == recognizer.model_sha256
    assert (card["rate"], card["training_grade"]) == (recognizer.rate, recognizer.training_grade)
