"""The table of the chain that ships: counts that tell the truth, intervals over recordings, and work that is done once."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.conversation import Span, intersected, outside
from sepdiar.evaluation.embedded import systems
from sepdiar.evaluation.embedded.__main__ import _asked, available, main
from sepdiar.evaluation.embedded.cases import Case, Job, Material, call, cases, discard, recordings, simulated
from sepdiar.evaluation.embedded.results import Entry, collected, endured
from sepdiar.evaluation.embedded.scores import Row, scored
from sepdiar.evaluation.embedded.sheets import steady
from sepdiar.evaluation.embedded.systems import SYSTEMS, Ran, System
from sepdiar.evaluation.figures import figures
from sepdiar.evaluation.speed_table import BEGIN
from sepdiar.evaluation.summary import kinds
from sepdiar.formats import read_conversation
from sepdiar.testing import speaker, speech, voices

TRUE_TURNS = next(system for system in SYSTEMS if system.name == "oracle-masking")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(voices(tmp_path_factory.mktemp("speech"), speakers=3, utterances=8))


@pytest.fixture(scope="module")
def done(material: Material, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Ran]:
    """Two dialogues of half a minute, masked by their true turns."""
    scratch = tmp_path_factory.mktemp("scratch")
    job = simulated(Case("clean", 0.2, 0.5, dialogues=2), material, scratch)
    job.make()
    return job, systems.run(TRUE_TURNS, job.folder, scratch / "run", threads=1)


def test_true_turns_make_no_error_and_leave_clean_speech_alone(done: tuple[Job, Ran]) -> None:
    job, ran = done
    rows = scored(ran, job.folder)
    assert [(row.recording, row.speakers, row.failure) for row in rows] == [("dialogue-0000", 2, ""), ("dialogue-0001", 2, "")]
    made = {key: one.value for key, one in figures([row.counts for row in rows]).items()}
    assert (made["der"], made["onsets"], made["counted"], made["clean_same"], made["copied_changed"]) == (0, 100, 100, 100, 0)
    assert made["si_sdr_clean"] == 100 and made["kept"] == 100
    assert made["si_sdr_overlap"] == pytest.approx(made["mixture_overlap"], abs=0.1), "masks separate nothing"
    assert -60 < (made["leakage"] or 0) < -15 and (made["speed"] or 0) > 0 and (made["speed_clock"] or 0) > 0


def test_one_changed_sample_is_seen(done: tuple[Job, Ran], tmp_path: Path) -> None:
    job, ran = done
    made, item = ran.items["dialogue-0000"]
    frames, rate = soundfile.read(item / made.tracks[0].file, dtype="int16")
    copied = next(stretch.span for stretch in made.tracks[0].stretches if stretch.origin == "copied")
    frames[copied.start + 3, made.tracks[0].channel] ^= 1
    soundfile.write(tmp_path / made.tracks[0].file, frames, rate)
    row = scored(replace(ran, items={**ran.items, "dialogue-0000": (made, tmp_path)}), job.folder)[0]
    assert row.counts["copied_changed"] == row.counts["clean_changed"] == 1
    true = read_conversation(job.folder / "dialogue-0000" / "conversation.json")
    left, right = ([turn.span for turn in true.turns if turn.speaker == track.speaker] for track in true.tracks)
    whole = Span(0, true.recording.samples)
    alone = [*intersected(left, outside(whole, right)), *intersected(right, outside(whole, left))]
    assert row.counts["clean_samples"] == sum(map(len, alone))


@pytest.mark.parametrize(
    "system",
    [
        System("compact", "", "embedded", ("diarize.speakers=2",)),
        System("oracle", "", "embedded", systems.ORACLE),
    ],
    ids=lambda system: system.name,
)
def test_clean_speech_is_that_of_the_input_sample_for_sample(system: System, done: tuple[Job, Ran], tmp_path: Path) -> None:
    job, _ = done
    if missing := available([system], job.folder)[1]:
        pytest.skip(missing[system.name])
    rows = scored(systems.run(system, job.folder, tmp_path / "run", threads=1), job.folder)
    told_apart = [row for row in rows if not row.failure]  # these voices are no people's: the networks may take two for one
    assert told_apart and all(row.counts["copied_samples"] > 0 for row in told_apart)
    assert not any(row.counts["copied_changed"] for row in told_apart)
    if system.name == "oracle":
        assert [row.counts["clean_changed"] for row in rows] == [0, 0]


def test_a_refused_recording_counts_as_missed(done: tuple[Job, Ran]) -> None:
    job, ran = done
    refused = replace(ran, items={}, failures={"dialogue-0000": "SD121 1 speaker"})
    rows = scored(refused, job.folder)
    assert [row.failure for row in rows] == ["SD121 1 speaker", "not done"]
    made = figures([row.counts for row in rows])
    assert (made["der"].value, made["miss"].value, made["onsets"].value, made["counted"].value) == (100, 100, 0, 0)
    assert made["si_sdr_overlap"].value is None and made["kept"].value == 0


def test_intervals_are_over_recordings_and_always_the_same() -> None:
    rows = [{"miss": miss, "total": 10.0, "leaked_energy": 1.0, "other_energy": 100.0} for miss in (0.0, 1.0, 2.0, 3.0)]
    made = figures(rows)
    assert made["der"].value == 15 and 0 <= made["der"].low <= 5 < 25 <= made["der"].high <= 30  # type: ignore[operator]
    assert (made["leakage"].value, made["leakage"].low, made["leakage"].high) == (-20, -20, -20)
    assert figures(rows) == made
    assert figures(rows[1:2])["der"].value == 10 and figures(rows[1:2])["der"].low is None
    assert figures([])["der"].value is None


def test_goals_and_swaps_are_judged() -> None:
    def entry(der: float, swaps: float) -> Entry:
        counts = {"miss": der, "total": 100.0, "onsets_50ms": 9.0, "turns": 10.0, "copied_samples": 5.0, "copied_changed": 0.0}
        return Entry("embedded", "clean-20-2min", "2 min", [Row("d", counts | {"swaps": swaps, "hours": 5.0})], {}, {})

    assert [goal["holds"] for goal in collected([entry(7.9, 0)])["goals"]] == [True, True, True]
    assert [goal["holds"] for goal in collected([entry(8.1, 0)])["goals"]] == [False, True, True]
    none, one = (endured([entry(5, swaps), entry(5, 0)]) for swaps in (0, 1))
    assert (none["hours"], none["low"], none["high"]) == (10, 0, pytest.approx(0.369, abs=1e-3))
    assert (one["low"], one["high"]) == (pytest.approx(0.0025, abs=1e-4), pytest.approx(0.557, abs=1e-3))


def test_who_never_changes_channel_is_counted() -> None:
    rows = [Row("a", {"swaps": 0.0}), Row("b", {"swaps": 2.0}), Row("c", {}, failure="SD603"), Row("d", {"miss": 1.0})]
    entries = [Entry("embedded", "clean-20-2min", "2 min", rows, {}, {}), Entry("oracle", "clean-20-2min", "2 min", rows, {}, {})]
    told = list(steady(collected(entries)["cases"]))
    assert told == ["2 min: nobody changed channel in 1 of 2 recordings of `embedded`, 2 swaps in all"]


def recorded(path: Path) -> np.ndarray:
    """Two speakers one after the other, a channel each, written to `path`."""
    left, right = (speech(["sami", "koto", "pite"] * 6, speaker(number), rate=8000, seed=number)[0] for number in (0, 1))
    frames = np.zeros((len(left) + len(right), 2), np.float32)
    frames[: len(left), 0], frames[len(left) :, 1] = left, right
    soundfile.write(path, frames, 8000)
    return frames


def test_a_call_is_the_sum_of_its_channels(tmp_path: Path) -> None:
    frames = recorded(tmp_path / "call.wav")
    job = call(tmp_path / "call.wav", tmp_path)
    job.make()
    true = read_conversation(job.folder / "dialogue-0000" / "conversation.json")
    assert true.speakers == ("LEFT", "RIGHT") and recordings(job.folder)[0].name == "dialogue-0000.flac"
    channels, mixture = (
        soundfile.read(job.folder / "dialogue-0000" / f"{name}.flac", dtype="int16")[0] for name in ("channels", "mixture")
    )
    assert (channels.sum(axis=1) == mixture).all() and abs(channels / 32768 - frames).max() < 1e-4


def test_a_call_can_be_measured_without_any_dialogue(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "matplotlib" or known(name))  # it is asked for nothing
    recorded(tmp_path / "call.wav")
    asked = [str(material.manifest), "--scratch", str(tmp_path / "scratch"), "--systems", "oracle-masking"]
    nothing_else = ["--dialogues", "0", "--long-dialogues", "0", "--call", str(tmp_path / "call.wav")]
    assert main([*asked, *nothing_else, "--out", str(tmp_path / "out")]) == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"results.json", "README.md"}  # and no empty picture
    assert "no picture" not in capsys.readouterr().err


def test_what_cannot_run_is_left_out_with_its_reason(tmp_path: Path) -> None:
    there, missing = available([TRUE_TURNS, System("odd", "", "masking", ("separate.backend=nothing",))], tmp_path)
    assert there == [TRUE_TURNS] and "nothing" in missing["odd"]


def test_rooms_and_noise_make_the_cases(material: Material, tmp_path: Path) -> None:
    assert material.sounds == ("clean",)
    assert replace(material, noise=tmp_path).sounds == ("clean", "noisy")
    assert [one.name for one in cases(["noisy"], [0.1, 0.4], {2: 3, 30: 0}, 0.2)] == ["noisy-10-2min", "noisy-40-2min"]


def test_the_whole_and_then_nothing_is_done_again(material: Material, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    asked = [str(material.manifest), "--scratch", str(scratch), "--out", str(out), "--systems", "oracle-masking"]
    table = [*asked, "--overlap", "0.2", "--minutes", "0.3", "--dialogues", "1", "--long-dialogues", "0"]
    assert main(table) == 0
    first = (out / "results.json").read_text(), {file: file.stat().st_mtime_ns for file in scratch.rglob("*.flac")}
    assert main(table) == 0
    again = (out / "results.json").read_text(), {file: file.stat().st_mtime_ns for file in scratch.rglob("*.flac")}
    assert _but_machine(first[0]) == _but_machine(again[0]) and first[1] == again[1]
    assert main([*asked, "--hours", "0.005", "--long-minutes", "0.3"]) == 0
    results = json.loads((out / "results.json").read_text())
    assert results["endurance"]["hours"] == pytest.approx(0.005) and len(results["cases"]) == 1
    assert kinds.told("results", results), "the page of all results knows what is written"
    assert not list(scratch.rglob("*seed1000/recordings"))
    readme = (out / "README.md").read_text().split(BEGIN)[1]
    assert "oracle-masking" in readme and "swaps in 0.005 hours" in readme and "SI-SDR overlap, dB" in readme
    assert "oracle-masking" in capsys.readouterr().out


def test_the_hours_are_those_of_the_chain_that_ships_where_no_other_is_named():
    assert _asked(["speech.tsv", "--hours", "10"]).systems == ["embedded"]
    assert _asked(["speech.tsv"]).systems == [system.name for system in SYSTEMS]
    assert _asked(["speech.tsv", "--hours", "10", "--systems", "oracle"]).systems == ["oracle"]


def test_discarded_audio_is_made_again(material: Material, tmp_path: Path) -> None:
    job = simulated(Case("clean", 0.1, 0.2), material, tmp_path)
    job.make()
    before = recordings(job.folder)[0].read_bytes()
    discard(job)
    assert not recordings(job.folder)
    job.make()
    assert recordings(job.folder)[0].read_bytes() == before


def _but_machine(text: str) -> dict[str, object]:
    return {key: value for key, value in json.loads(text).items() if key != "machine"}
