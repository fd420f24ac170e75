"""The proof of hours: the stock way shows the swaps that ours does not, and work is done once and bounded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sepdiar.conversation import Conversation, Recording, Span, Turn
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.embedded.cases import Material
from sepdiar.evaluation.longform import results, work
from sepdiar.evaluation.longform.__main__ import main
from sepdiar.evaluation.longform.cases import SILENCES, Case, made, pauses
from sepdiar.evaluation.longform.results import System, collected, endured, measured
from sepdiar.evaluation.longform.sheets import notes, sheet
from sepdiar.evaluation.longform.ways import WAYS
from sepdiar.evaluation.speed_table import BEGIN
from sepdiar.evaluation.summary import kinds
from sepdiar.formats import read_conversation
from sepdiar.metrics.sides import open_audio
from sepdiar.testing import voices

CASE = Case(1.0, silences=True)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(voices(tmp_path_factory.mktemp("speech"), speakers=3, utterances=12))


@pytest.fixture(scope="module")
def folder(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of talk with a silence of three in it."""
    place = tmp_path_factory.mktemp("cases") / CASE.name
    made(CASE, material, place)
    return place


@pytest.fixture(scope="module")
def entries(material: Material, folder: Path) -> dict[str, dict]:
    """The shuffled oracle by each of the ways."""
    return {way: collected([measured(System("oracle", way), CASE, material, folder)])[0] for way in WAYS}


def test_the_stock_way_swaps_and_ours_does_not(entries):
    swaps = {way: entry["figures"]["swaps"]["value"] for way, entry in entries.items()}
    assert swaps["ours"] == swaps["everywhere"] == 0 < 60 < swaps["stock"]
    overlap = {way: entry["figures"]["si_sdr_overlap"]["value"] for way, entry in entries.items()}
    assert min(overlap["ours"], overlap["everywhere"]) > 12 > 5 > overlap["stock"]
    assert entries["ours"]["rows"][0]["counts"]["pieces"] >= 5


def test_only_ours_keeps_clean_speech_and_the_sum(entries):
    ours, everywhere, stock = (entries[way] for way in ("ours", "everywhere", "stock"))
    assert ours["figures"]["clean_same"]["value"] == 100 > 5 > everywhere["figures"]["clean_same"]["value"]
    assert ours["difference"] <= 2 and everywhere["difference"] <= 2 and stock["difference"] > 100
    leaks = [one["figures"]["leakage"]["value"] for one in (ours, everywhere, stock)]
    assert leaks[0] == -100 < leaks[1] < -10 < leaks[2]


def test_a_silence_of_three_minutes_is_put_in_where_nobody_speaks(folder):
    place = folder / "dialogue-0000"
    true, mixture, channels = read_conversation(place / "conversation.json"), *_both(place)
    rate = mixture.rate
    assert mixture.samples == channels.samples == true.recording.samples == round((60 + SILENCES[1]) * rate)
    frames = mixture.read(Span(0, mixture.samples))[:, 0]
    assert (frames == channels.read(Span(0, mixture.samples)).sum(axis=1)).all()
    spoken = np.zeros(len(frames), bool)
    for turn in true.turns:
        spoken[turn.span.start : turn.span.end] = True
    assert not frames[~spoken].any(), "sound and turns have moved together"
    edges = np.flatnonzero(spoken)
    longest = int(np.argmax(np.diff(edges)))
    assert np.diff(edges)[longest] >= SILENCES[1] * rate and 20 * rate < edges[longest] < 40 * rate


def _both(place: Path):
    return open_audio(place / "mixture.flac"), open_audio(place / "channels.flac")


def test_an_hour_has_a_dozen_silences_and_loses_nothing():
    rate, samples = 100, 3600 * 100
    turns = tuple(Turn("AB"[number % 2], Span(start, start + 300)) for number, start in enumerate(range(50, samples - 400, 400)))
    true = Conversation(Recording("talk", "talk.wav", "", rate, samples, 1), turns)
    parts = list(pauses(true, np.random.default_rng(0)))
    assert [span.start for span, _ in parts[1:]] == [span.end for span, _ in parts[:-1]]
    assert (parts[0][0].start, parts[-1][0].end, parts[-1][1], len(parts)) == (0, samples, 0, 13)
    silences = [silence / rate for _, silence in parts[:-1]]
    assert max(silences) == silences[0] == SILENCES[1] and min(silences) >= SILENCES[0]


def test_what_was_measured_is_not_measured_again(entries, material, folder, monkeypatch):
    def never(*_: object) -> None:
        raise RuntimeError("again")

    monkeypatch.setattr(results, "_worked", never)
    system = System("oracle", "ours")
    assert collected([measured(system, CASE, material, folder)])[0] == entries["ours"]
    with pytest.raises(RuntimeError, match="again"):
        measured(System("oracle", "ours", diarizer="mfcc"), CASE, material, folder)
    assert not list(folder.glob("ways/oracle-*/made/*/*.flac")), "no audio is left"


def test_hours_add_up_and_a_swap_breaks_the_goal(entries):
    ours = entries["ours"]
    shown = {"machine": _FACTS, "material": {"manifest": "m.tsv", "split": None}, "protocol": [], "cases": list(entries.values())}
    long = endured([ours] * 3)
    assert (long["hours"], long["recordings"], long["swaps"], long["low"]) == (0.05, 3, 0, 0)
    assert notes({**shown, "endurance": long})[0].startswith("holds so far: 0 swaps in 0.05 hours")
    assert notes({**shown, "endurance": {**long, "hours": 20}})[0].startswith("holds: 0 swaps in 20 hours")
    broken = endured([ours, entries["stock"]])
    assert notes({**shown, "endurance": broken})[0].startswith("**does not hold**")
    assert [row[2] for row in sheet(shown).rows] == list(WAYS)


_FACTS = dict.fromkeys(("date", "processor", "cores", "memory_gib", "load", "system", "python"), "") | {"packages": {}}


def test_the_command_writes_hours_and_then_keeps_them(material, tmp_path, capsys):
    told = [str(material.manifest), "--minutes", "0.5", "--dialogues", "1", "--separators", "oracle", "--ways", "ours"]
    told += ["--scratch", str(tmp_path / "scratch"), "--out", str(tmp_path / "out")]
    assert main([*told, "--hours", "0.5", "--within", "0"]) == 0, "one dialogue is done whatever the time"
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert written["endurance"]["hours"] == round(0.5 / 60, 4) and written["cases"] == []
    assert not list((tmp_path / "scratch").rglob("*.flac")), "the audio of the hours is not kept"
    assert main(told) == 0
    again = json.loads((tmp_path / "out" / "results.json").read_text())
    assert again["endurance"] == written["endurance"] and len(again["cases"]) == 2
    assert kinds.told("results", again), "the page of all results knows what is written"
    page = (tmp_path / "out" / "README.md").read_text()
    assert BEGIN in page and "0 swaps in" in page and "| 0.5 min and silences | oracle | ours | 0 |" in page
    assert "0 swaps in" in capsys.readouterr().out


def test_a_separator_that_cannot_work_is_one_line(folder, tmp_path, capsys):
    told = [str(folder / "dialogue-0000"), "--way", "ours", "--out", str(tmp_path)]
    assert work.main([*told, "--separator", "masking"]) == SepdiarError("SD201", "").exit
    assert "masking is no separator of mixtures" in capsys.readouterr().err
