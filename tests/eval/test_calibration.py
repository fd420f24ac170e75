"""What is learnt on some recordings and tested on others: rows of true errors, made once, and figures that tell the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sepdiar.calibration.targets import TARGETS
from sepdiar.config import recipes
from sepdiar.conversation import Conversation, Recording, Span, Track, Turn, Word, mark_overlaps
from sepdiar.evaluation.calibration.__main__ import about_words, main
from sepdiar.evaluation.calibration.held import learnt, on_others
from sepdiar.evaluation.calibration.rows import Part, errors, overlap_error, rows
from sepdiar.evaluation.calibration.sheets import sheets
from sepdiar.evaluation.embedded.cases import Material
from sepdiar.metrics.truth import Pair
from sepdiar.testing import voices

RATE = 1000


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    """Three short dialogues of two voices whose words are known."""
    manifest = voices(tmp_path_factory.mktemp("speech"))
    return Part("words", Material(manifest), ("voice0", "voice1"), 3, 8.0, 1, manifest.with_suffix(".ctm"))


def test_rows_say_how_wrong_each_dialogue_is_and_are_made_once(part: Part, tmp_path: Path, capsys: Any) -> None:
    told = tmp_path / "two.toml"
    told.write_text(recipes()["masking"].read_text().replace("speakers = 0", "speakers = 2"))
    made = rows(part, tmp_path, 1, told)
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert [row["name"] for row in made] == [f"clean-{share}/dialogue-0000" for share in (8, 20, 35)]
    assert made[0]["refused"] == "SD121 1 speaker" and "features" not in made[0]
    for row in made[1:]:
        assert not row["refused"] and row["der"] > 0 and 0 <= row["onsets-missed"] <= 1 and row["cpwer"] > 0.5
        assert row["made_by"]["transcribe"][0] == "pocketsphinx" and row["features"]["pace"] > 0
    assert rows(part, tmp_path, 1, told) == made
    assert "done" not in capsys.readouterr().err, "nothing is done twice"


def talk(*turns: tuple[str, int, int, str]) -> Conversation:
    said = []
    for speaker, start, end, text in turns:
        span = Span(start, end)
        said.append(Turn(speaker, span, tuple(Word(word, span) for word in text.split())))
    return Conversation(Recording("talk", "talk.wav", "", RATE, 10_000, 1), tuple(said))


def test_errors_by_hand() -> None:
    true = talk(("A", 0, 4000, "one two three"), ("B", 5000, 6000, "Four"))
    found = talk(("S1", 1000, 4000, "one too three"), ("S2", 5000, 6000, "four, four four four"))
    found = replace(found, recording=replace(found.recording, id="other"))
    assert errors(true, found, words=True) == pytest.approx({"der": 0.2, "onsets-missed": 0.5, "cpwer": 1.0})
    assert errors(true, talk(), words=True)["cpwer"] == 1
    assert "cpwer" not in errors(true, found, words=False)


def dialogue(folder: Path, channels: Any, turns: tuple[Turn, ...]) -> Conversation:
    folder.mkdir()
    soundfile.write(folder / "channels.flac", channels, RATE)
    tracks = tuple(Track(name, "channels.flac", channel, Span(0, len(channels))) for channel, name in enumerate("AB"))
    return Conversation(Recording("talk", "channels.flac", "", RATE, len(channels), 1), turns, tracks=tracks)


def test_what_is_wrong_in_overlap_by_hand(tmp_path: Path) -> None:
    """Two noises; each channel holds a third of the other's amplitude: a ninth of its energy; and never more than is said."""
    turns = mark_overlaps([Turn("A", Span(0, 4000)), Turn("B", Span(2000, 6000))])
    voices = np.random.default_rng(0).normal(0, 0.1, (6000, 2))
    voices[4000:, 0] = voices[:2000, 1] = 0
    true = dialogue(tmp_path / "true", voices, turns)
    for name, mixed, expected in (("third", voices + voices[:, ::-1] / 3, 1 / 9), ("none", 1e-4 * voices[::-1], 2.0)):
        made = dialogue(tmp_path / name, mixed, turns)
        found = overlap_error(Pair(made, tmp_path / name, true, tmp_path / "true"))
        assert found["overlap-error"] == pytest.approx(expected, rel=0.1)
    alone = mark_overlaps([Turn("A", Span(0, 1000)), Turn("B", Span(5000, 6000))])
    apart = dialogue(tmp_path / "apart", voices, alone)
    assert overlap_error(Pair(apart, tmp_path / "apart", apart, tmp_path / "apart")) == {}


def drawn(count: int, seed: int, spread: float = 0.2) -> list[dict[str, Any]]:
    """Word errors about 60 %, some above 100 %, that shrink as `confidence` grows."""
    rng = np.random.default_rng(seed)
    table = [{name: float(rng.normal()) for name in sorted({*TARGETS["cpwer"].features, "other"})} for _ in range(count)]
    errors = [float(np.exp(-0.5 - 0.4 * row["confidence"] + spread * rng.normal())) for row in table]
    return [{"refused": "", "features": row, "cpwer": error} for row, error in zip(table, errors, strict=True)]


def test_what_is_learnt_of_some_holds_for_others_and_above_one_hundred_percent_too() -> None:
    known, other = drawn(30, 0), [*drawn(60, 1), {"refused": "SD101", "name": "none"}]
    made = on_others([(known, other)], "cpwer")
    assert made["recordings"] == 60
    assert 0.8 < made["covered"]["value"] <= 1
    assert 0.7 < made["rank"]["value"] < made["rank"]["high"] and made["off"]["value"] < 0.2
    assert max(point[1] for point in made["points"]) > 1, "there can be more errors than words"
    sure, blind = (learnt(drawn(30, 0, spread), "cpwer") for spread in (0.2, 2.0))
    assert blind.above - blind.below > 3 * (sure.above - sure.below)


def test_an_error_is_predicted_from_its_own_features_alone() -> None:
    target = TARGETS["cpwer"]
    silent = {"refused": "", "features": {"sure": 0.5, "other": 0.0}, "cpwer": 1.0}
    model = learnt([*drawn(20, 0), silent], "cpwer")
    assert {*model.names} == target.features, "one in which no word was heard teaches nothing of words"
    assert model.most == target.most
    assert model.names[int(np.argmin(model.weights))] == "confidence"


def test_the_protocol_says_who_was_learnt_of_and_who_tested_on(part: Part) -> None:
    known = replace(part, material=replace(part.material, split="train"))
    other = replace(part, material=replace(part.material, split="dev"), speakers=("C", "D", "E"))
    said = about_words(
        [
            (known, [{"pair": ["A", "B"]}, {"pair": ["A", "F"]}, {"pair": ["F", "B"]}]),
            (other, [{"pair": ["C", "D"]}, {"pair": ["C", "E"]}]),
        ]
    )
    assert "3 dialogues of 2 speakers of split train (3 pairs)" in said
    assert "2 dialogues of 3 speakers of split dev (2 pairs)" in said


def test_words_need_speakers_apart(part: Part, tmp_path: Path, capsys: Any) -> None:
    words = [str(part.material.manifest), "--rooms", str(tmp_path), "--noise", str(tmp_path), "--words", str(part.words)]
    assert main([*words, "--split", "train"]) > 1 and "SD202" in capsys.readouterr().err


def test_a_feature_that_a_target_lacks_is_left_blank() -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    one = {"recordings": 3, "mean": 0.6, **{name: figure for name in ("covered", "rank", "off", "width")}}
    weights = {"der": {"sure": -0.5}, "cpwer": {"confidence": -0.1}}
    first, second = sheets({"targets": {"der": one, "cpwer": one}, "weights": weights, "coverage": 0.9})
    assert [row[0] for row in first.rows] == ["DER, %", "cpWER, %"]
    assert [list(row) for row in second.rows] == [["confidence", "", "-0.10"], ["sure", "-0.50", ""]]
