"""What is audible in an utterance, on signals whose truth is known by construction."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.simulation.manifest import Utterance, read_manifest
from sepdiar.simulation.speech import MARGIN, PAUSE, Speech, listen_to, load, spread
from sepdiar.simulation.talk import excerpt

RATE = 16000


@pytest.fixture(scope="module")
def long(manifest: Path) -> Speech:
    """The longest utterance, with its words."""
    heard = listen_to(max(read_manifest(manifest), key=lambda one: one.seconds), RATE)
    assert heard is not None
    return heard


def bursts(path: Path, *audible: tuple[float, float], seconds: float = 5.0, floor: float = 1e-4) -> Utterance:
    """A file with noise as loud as speech in some places and a soft floor everywhere."""
    rng = np.random.default_rng(0)
    samples = floor * rng.standard_normal(round(seconds * RATE))
    for begin, end in audible:
        samples[round(begin * RATE) : round(end * RATE)] += 0.1 * rng.standard_normal(round(end * RATE) - round(begin * RATE))
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return Utterance("u", "anna", path, "")


def test_turns_begin_and_end_with_what_is_heard(tmp_path: Path) -> None:
    heard = listen_to(bursts(tmp_path / "a.wav", (1.0, 2.0), (2.2, 3.0), (3.6, 4.0)), RATE)
    assert heard is not None
    begins, ends = zip(*((span.start / RATE, span.end / RATE) for span in heard.spans), strict=True)
    # 0.2 s is no pause, 0.6 s is one; the first turn begins MARGIN before 1.0
    assert np.allclose(np.array(begins), [0.0, 2.6], atol=0.03)
    assert np.allclose(np.array(ends) - MARGIN, [2.0 + MARGIN, 3.0 + MARGIN], atol=0.03)
    assert np.all(heard.samples[heard.spans[0].end : heard.spans[1].start] == 0)


def test_power_is_one_within_turns_whatever_the_level(tmp_path: Path) -> None:
    heard = listen_to(bursts(tmp_path / "a.wav", (1.0, 2.0), (3.0, 4.5)), RATE)
    assert heard is not None
    spoken = np.concatenate([heard.samples[span.start : span.end] for span in heard.spans])
    assert np.mean(spoken**2) == pytest.approx(1.0, rel=1e-3)


def test_breath_between_pauses_is_no_turn(tmp_path: Path) -> None:
    samples, _ = soundfile.read(bursts(tmp_path / "a.wav", (1.0, 2.0), (3.0, 4.0), floor=1e-5).file)
    breath = slice(round(2.4 * RATE), round(2.6 * RATE))
    samples[breath] += 0.1 * 10 ** (-30 / 20) * np.random.default_rng(1).standard_normal(breath.stop - breath.start)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    heard = listen_to(Utterance("u", "anna", tmp_path / "a.wav", ""), RATE)
    assert heard is not None and len(heard.spans) == 2


def test_a_cut_leaves_no_click_behind(tmp_path: Path) -> None:
    heard = listen_to(bursts(tmp_path / "a.wav", (1.0, 2.0), (3.0, 4.0)), RATE)
    assert heard is not None and len(heard.spans) == 2
    first, second = heard.spans
    assert heard.cut(Span(0, second.start + RATE // 50), RATE).spans == (first,)
    assert len(heard.cut(Span(0, second.start + RATE // 2), RATE).spans) == 2


def test_silence_has_nothing_to_hear(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    assert listen_to(Utterance("u", "anna", tmp_path / "a.wav", "hello"), RATE) is None


def test_parts_keep_only_the_words_within(manifest: Path) -> None:
    heard = next(one for utterance in read_manifest(manifest) if (one := listen_to(utterance, RATE)) and len(one.spans) > 1)
    assert heard.timed
    part = heard.cut(Span(heard.spans[1].start, heard.spans[1].end), RATE)
    said = [word.text for word in heard.words if heard.spans[1] & word.span]
    assert [word.text for word in part.words] == said
    assert 0 < len(said) < len(heard.words)
    assert all(word.span.end <= len(part) for word in part.words)


def test_cutting_drops_words_whose_times_are_not_known(manifest: Path) -> None:
    first = max(read_manifest(manifest), key=lambda one: one.seconds)
    heard = listen_to(Utterance(first.id, first.speaker, first.file, first.text), RATE)
    assert heard is not None and not heard.timed and not heard.can_be_cut and not heard.untold
    assert [word.text for word in heard.words] == first.text.split()
    part = heard.cut(Span(0, heard.spans[0].end), RATE)
    assert part.words == () and part.untold


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 6.0))
def test_an_excerpt_is_about_as_long_as_wanted(long: Speech, seed: int, seconds: float) -> None:
    part = excerpt(long, seconds, RATE, np.random.default_rng(seed))
    assert 0 < len(part) <= len(long)
    assert len(part) / RATE <= 1.5 * seconds + 0.6  # a word is not cut
    assert part.spans[0].start == 0 and part.spans[-1].end == len(part)
    assert np.isfinite(part.samples).all()


@given(
    st.lists(st.text("abc'", min_size=1, max_size=12), max_size=30),
    st.lists(st.tuples(st.integers(1, 9000), st.integers(round(PAUSE * RATE), 9000)), min_size=1, max_size=5),
)
def test_words_spread_in_order_inside_turns(words: list[str], lengths: list[tuple[int, int]]) -> None:
    spans, at = [], 0
    for length, pause in lengths:
        spans.append(Span(at, at + length))
        at += length + pause
    laid = spread(words, spans)
    assert [word.text for word in laid] == words
    assert all(before.span.end <= after.span.start for before, after in pairwise(laid))
    assert all(any(span.start <= word.span.start and word.span.end <= span.end for span in spans) for word in laid)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    os.mkfifo(tmp_path / "pipe.wav")
    files = {"missing.wav": "SD101", ".": "SD102", "pipe.wav": "SD102", "text.wav": "SD105", "nan.wav": "SD114"}
    for name, code in files.items():
        with pytest.raises(SepdiarError) as caught:
            load(tmp_path / name, RATE)
        assert caught.value.code == code
