"""What doubt costs: the figures of sources that are known, and the command on a dialogue with what is shipped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Turn
from sepdiar.evaluation.doubt import DOUBTS, Judged, figures, judgement, judgements, like_the_first, main
from sepdiar.evaluation.embedded.cases import Case, Material, simulated
from sepdiar.formats import read_conversation
from sepdiar.separation import decide
from sepdiar.separation.evidence import Heard
from sepdiar.separation.slices import Sliced
from sepdiar.testing import voices

RATE = 16_000


def test_sources_in_order_come_nearer_and_exchanged_ones_go_away() -> None:
    true = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    exact, together = judgement(true, true, RATE), judgement(0 * true, true, RATE)
    assert exact.alike == pytest.approx(1) and exact.seconds == 1
    assert exact.nearer == pytest.approx((30, -6), abs=0.1)
    assert judgement(1.1 * true, true, RATE).nearer[0] == pytest.approx(20, abs=0.1)
    assert together.alike == 0 and together.nearer == pytest.approx((0, 0), abs=0.01)


def test_only_what_is_given_counts_by_seconds() -> None:
    right, wrong = Judged(0.8, (10.0, -5.0), 1.0), Judged(-0.8, (-5.0, 10.0), 3.0)
    told = figures([[(right, 0, True), (wrong, 0, True)], [(wrong, 0, False), (wrong, 1, True)]])
    assert told["given"] == 0.75 and told["wrong"] == 1
    assert told["nearer_db"] == pytest.approx((10 - 15 + 30) / 10)
    assert told["interval"][0] <= told["nearer_db"] <= told["interval"][1]


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    material = Material(voices(tmp_path_factory.mktemp("speech"), speakers=3, utterances=8))
    job = simulated(Case("clean", 0.4, 0.5, dialogues=2), material, tmp_path_factory.mktemp("scratch"))
    job.make()
    return job.folder


def test_speakers_are_found_by_when_they_speak(dialogues: Path) -> None:
    """Whoever of them speaks first."""
    true = read_conversation(dialogues / "dialogue-0000" / "conversation.json")
    names = {true.tracks[0].speaker: "x", true.tracks[1].speaker: "y"}
    turns = [Turn(names[turn.speaker], Span(turn.span.start + 100, turn.span.end)) for turn in true.turns]
    assert like_the_first(true, turns) == "x"
    assert like_the_first(replace(true, tracks=true.tracks[::-1]), turns) == "y"


@pytest.mark.parametrize(("doubt", "given"), [(True, 0.5), (False, 1.0)])
def test_a_slice_of_which_all_hardly_differs_is_not_given(doubt: bool, given: float) -> None:
    channels = np.random.default_rng(0).standard_normal((2 * RATE, 2)).astype(np.float32)
    sources = channels.T.copy()
    sources[:, RATE:] = np.array([[0.4, 0.6], [0.6, 0.4]], np.float32) @ sources[:, RATE:]
    one = Sliced(Heard.of(Span(0, 2 * RATE), sources, RATE), [0, 50, 100], [decide.Case(0, 0)] * 2, [(1.0, RATE)] * 2)
    both = [Span(0, RATE), Span(RATE + RATE // 4, 2 * RATE)]
    marks = list(judgements(one, both, ArrayAudio(channels, RATE), 1, doubt))
    told = figures([[(mark, 0, True) for mark in marks if mark]])
    assert (told["given"], told["wrong"]) == (given, 0 if doubt else 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_slices_are_held_against_the_channels_of_their_speakers(sign: int) -> None:
    channels = np.random.default_rng(0).standard_normal((2 * RATE, 2)).astype(np.float32)
    sources = channels.T[::sign].copy()
    sources[:, RATE:] = sources[::-1, RATE:]  # in the second slice the other way round
    heard = Heard.of(Span(0, 2 * RATE), sources, RATE)
    one = Sliced(heard, [0, 50, 100], [decide.Case(0, 0)] * 2, [(1.0, RATE)] * 2)
    first, second = judgements(one, [Span(RATE // 2, 2 * RATE)], ArrayAudio(channels, RATE), sign)
    assert first and second
    assert (first.alike, first.seconds) == pytest.approx((1, 0.5)) and (second.alike, second.seconds) == pytest.approx((-1, 1))
    assert list(judgements(one, [Span(0, RATE)], ArrayAudio(channels, RATE), sign))[1] is None


def test_the_command_tells_of_every_doubt(dialogues: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(dialogues), "--speakers", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["dialogues"] == 2 and told["left_out"] < 2 and told["slices"] > 0
    assert list(told["doubt"]) == [f"{doubt:g}" for doubt in DOUBTS]
    given = [told["doubt"][f"{doubt:g}"]["given"] for doubt in DOUBTS]
    assert given[0] == 1 > given[-1] and given == sorted(given, reverse=True)


def test_a_folder_without_dialogues_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) != 0
    assert "SD101" in capsys.readouterr().err
