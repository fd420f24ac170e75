"""How wrong a recording probably is: intervals that cover as often as they say, and nothing where nothing was learnt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from sepdiar.calibration.features import features
from sepdiar.calibration.model import COVERAGE, FLOOR, Model, fit
from sepdiar.calibration.stage import Predict, made_by
from sepdiar.config import resolve
from sepdiar.conversation import Conversation, Provenance, Recording, Span, Turn, Word, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.networks.weights import find
from sepdiar.pipeline import Take

RATE = 1000
TURNS = mark_overlaps([Turn("S1", Span(0, 4000)), Turn("S2", Span(3000, 6000)), Turn("S1", Span(6100, 6400))])
SAID = (Word("so", Span(0, 200), 0.9), Word("it", Span(300, 400), 0.25), Word("is", Span(500, 600), 0.8))


def rows(count: int, seed: int = 0) -> tuple[list[dict[str, float]], list[float]]:
    """Errors that grow with `likeness` and not with `turns`, and are off by chance."""
    rng = np.random.default_rng(seed)
    table = [{"likeness": float(rng.normal()), "turns": float(rng.normal()), "same": 1.0} for _ in range(count)]
    errors = [float(np.clip(np.exp(-2.5 + 0.6 * row["likeness"] + 0.3 * rng.standard_t(4)) - FLOOR, 0, 1)) for row in table]
    return table, errors


def test_the_interval_covers_others_as_often_as_it_says() -> None:
    model = fit(*rows(60))
    covered = []
    for row, true in zip(*rows(2000, seed=1), strict=True):
        guess = model.guess(row)
        covered.append(guess.low <= true <= guess.high)
    assert COVERAGE - 0.05 < np.mean(covered) < 0.99


def test_what_has_to_do_with_the_error_gets_the_weight_and_what_never_changes_none() -> None:
    model = fit(*rows(80))
    weight = dict(zip(model.names, model.weights, strict=True))
    assert set(weight) == {"likeness", "turns"}
    assert weight["likeness"] == pytest.approx(0.6, abs=0.1) and abs(weight["turns"]) < 0.1


def test_a_recording_far_from_all_that_was_learnt_gets_no_wild_guess() -> None:
    model = fit(*rows(40))
    wild = model.guess({"likeness": 1e6, "turns": 0.0})
    assert 0 <= wild.low <= wild.value <= wild.high <= 1
    assert model.guess({"turns": 0.0}) is None
    assert Model.of(json.loads(json.dumps(model.facts()))) == model


FOUND: dict[str, dict[str, object]] = {
    "diarize": {"sure": 0.9, "likeness": 0.2},
    "separate": {"windows": 4, "disputed": 1, "decided_by": {"nothing": 2}, "separated": 0.6},
    "transcribe": {"words": 3, "leaked": 1, "quiet": 0, "outside": 0, "twice": 0},
}


def conversation(words: bool = True, **parameters: Mapping[str, object]) -> Conversation:
    """What the chain of the calibration makes; `parameters` are those of a stage, by its name."""
    known = json.loads(files("sepdiar.calibration").joinpath("embedded.json").read_text(encoding="utf-8"))["made_by"]
    steps = []
    for stage, (backend, model, sha256, settings) in known.items():
        told = {"backend": backend, **json.loads(settings), **FOUND[stage], **parameters.get(stage, {})}
        steps.append(Provenance(stage, "1", model, sha256, told))
    turns = (replace(TURNS[0], words=SAID), *TURNS[1:]) if words else TURNS
    return Conversation(Recording("talk", "talk.wav", "", RATE, 8000, 1), turns, provenance=tuple(steps))


def test_an_error_can_be_above_one_hundred_percent_where_that_is_said() -> None:
    table, errors = rows(40)
    more = [20 * error for error in errors]
    far = {"likeness": 3.0, "turns": 0.0}
    assert fit(table, more).guess(far).value == 1
    assert 1 < fit(table, more, most=2.0).guess(far).value <= 2


def test_features_by_hand() -> None:
    told = features(conversation())
    assert told["overlap"] == pytest.approx(1 / 6.3)
    assert told["short"] == pytest.approx(1 / 3) and told["fewer"] == pytest.approx(3.0 / 7.3)
    assert (told["speakers"], told["disputed"], told["undecided"], told["separated"]) == (2, 0.25, 0.5, 0.6)
    assert (told["sure"], told["likeness"]) == (0.9, 0.2)
    assert (told["confidence"], told["pace"]) == pytest.approx((0.65, 3 / 6.3))
    assert {*told} - {*features(conversation(words=False))} == {"confidence", "pace"}


def predicted(value: Conversation, tmp_path: Path) -> tuple[dict[str, float | None], list[Event]]:
    stage, told = Predict(), list[Event]()
    stage.check()
    stage.open()
    done = stage.run(Take(value, tmp_path, tmp_path, tmp_path), told.append)
    return {score.name: score.value for score in done.conversation.scores}, told


def test_an_item_gets_its_error_with_an_interval(tmp_path: Path) -> None:
    scores, told = predicted(conversation(), tmp_path)
    for name in ("predicted-der", "predicted-onsets-missed", "predicted-overlap-error", "predicted-cpwer"):
        assert 0 <= scores[f"{name}-low"] <= scores[name] <= scores[f"{name}-high"] <= 2
        assert scores[f"{name}-low"] < scores[f"{name}-high"]
    assert told == []


def test_what_ships_is_predicted() -> None:
    """After a new training the calibration is to be learnt anew; see eval/calibration."""
    known = json.loads(files("sepdiar.calibration").joinpath("embedded.json").read_text(encoding="utf-8"))["made_by"]
    for stage in ("diarize", "separate"):
        _, names, hashes, settings = known[stage]
        assert [find(name).sha256 for name in names.split(", ")] == hashes.split()
        shipped = resolve(environ={}).section(stage)
        assert {key: value for key, value in json.loads(settings).items() if shipped.get(key, value) != value} == {}


@pytest.mark.parametrize(
    "other",
    [{"diarize": {"backend": "pyannote"}}, {"diarize": {"pause": 1}}, {"separate": {"doubt": 0.0}}, {"separate": {"views": 1}}],
)
def test_other_models_and_settings_are_not_predicted_and_that_is_said(
    other: dict[str, dict[str, object]], tmp_path: Path
) -> None:
    scores, told = predicted(conversation(**other), tmp_path)
    assert scores == {} and "other models or settings" in str(told[0].facts["message"])
    assert made_by(conversation())["diarize"][0] == "compact"


def test_what_makes_no_more_errors_may_be_set_otherwise(tmp_path: Path) -> None:
    doubt = resolve(environ={}).section("separate")["doubt"]
    scores, told = predicted(conversation(diarize={"speakers": 2}, separate={"batch": 1, "doubt": int(doubt)}), tmp_path)
    assert "predicted-der" in scores and told == []


def test_without_overlap_nothing_is_said_of_it(tmp_path: Path) -> None:
    value = conversation()
    apart = tuple(replace(turn, span=turn.span.shift(10_000 * number), overlap=()) for number, turn in enumerate(value.turns))
    scores, _ = predicted(replace(value, turns=apart), tmp_path)
    assert "predicted-der" in scores and "predicted-overlap-error" not in scores


def test_an_item_of_before_has_no_prediction_of_what_it_does_not_tell(tmp_path: Path) -> None:
    value = conversation()
    steps = [
        replace(step, parameters={key: one for key, one in step.parameters.items() if key != "separated"})
        for step in value.provenance
    ]
    scores, _ = predicted(replace(value, provenance=tuple(steps)), tmp_path)
    assert not any(name.startswith("predicted-overlap-error") for name in scores)


def test_without_words_no_word_error_is_predicted(tmp_path: Path) -> None:
    scores, told = predicted(conversation(words=False, transcribe={"backend": "none"}), tmp_path)
    assert "predicted-der" in scores and "predicted-cpwer" not in scores
    assert told == [], "who leaves words out need not be told"
    scores, told = predicted(conversation(words=False), tmp_path)
    assert "predicted-der" in scores and "predicted-cpwer" not in scores, "none were heard"


@pytest.mark.parametrize("other", [{"backend": "whisper"}, {"active": 500}])
def test_the_words_of_another_recogniser_are_not_predicted_and_that_is_said(other: dict[str, object], tmp_path: Path) -> None:
    scores, told = predicted(conversation(transcribe=other), tmp_path)
    assert "predicted-der" in scores and "predicted-cpwer" not in scores
    assert "another recogniser" in str(told[0].facts["message"])


def test_a_recording_of_one_speaker_a_channel_needs_none(tmp_path: Path) -> None:
    bare = Conversation(Recording("talk", "talk.wav", "", RATE, 8000, 2), TURNS)
    assert predicted(bare, tmp_path) == ({}, [])


def test_an_unknown_calibration_is_refused() -> None:
    with pytest.raises(SepdiarError) as refused:
        Predict("nothing").check()
    assert refused.value.code == "SD202"
