"""The speed of diarizers and recognisers: tiny networks of the real classes through both calls, and both answers."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import pytest

pytest.importorskip("torch")

from sepdiar import registry
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.backends import same, table
from sepdiar.evaluation.backends.__main__ import Bench, main, orders
from sepdiar.evaluation.backends.order import BACKENDS, PLAIN, Order
from sepdiar.evaluation.bench.order import OURS
from sepdiar.evaluation.summary import kinds

MINUTES = 0.1
SMALL = {"hidden_size": 16, "num_layers": 1}
SIDES = ("encoder", "decoder")
WHISPER = {"d_model": 16, "init_std": 0.5, "calm": 0.0, "places": 4.0, **{f"{side}_layers": 1 for side in SIDES}}
WHISPER |= {f"{side}_attention_heads": 2 for side in SIDES} | {f"{side}_ffn_dim": 32 for side in SIDES}
NEMO = {"layers": 1, "width": 16, "narrow": 16, "deep": 1, "channels": 8, "heads": 2, "bands": 16, "pieces": 64}
SHAPES: dict[str, dict[str, Any]] = {
    "eend-eda": {"width": 16, "depth": 1, "heads": 2, "bands": 24},
    "pyannote-3.1": {"lstm": SMALL, "linear": SMALL, "num_mel_bins": 8},
    "pyannote-community-1": {"lstm": SMALL, "linear": SMALL, "num_mel_bins": 8},
    "whisper": WHISPER,
    "nemo-clustering": {"bands": 16, "marblenet": [(16, 5, 1)], "titanet": [(16, 3, 1), (24, 1, 1)], "vector": 8, "classes": 3},
    **{name: NEMO for name in ("canary", "parakeet", "sortformer")},
}
SAME = ("parakeet", "pyannote-3.1", "pyannote-community-1", "whisper")  # the others decide or search in another way


def missing(name: str) -> tuple[str, ...]:
    row = BACKENDS[name]
    return registry.missing_packages(registry.load(row.kind, row.name))


def cell(way: str, name: str = "whisper", minutes: float = 1, **changed: object) -> dict[str, object]:
    figures = {"seconds": 4.0, "processor": 3.0, "peak_mib": 400.0, "audio": 60 * minutes, "within": 10, "memory": 8}
    return Order(name, way, minutes).facts() | figures | {"on": "a machine", "load": 0.1} | changed


def test_every_backend_that_hears_is_a_row():
    named = {(row.kind, row.name) for row in BACKENDS.values()}
    there = {(kind, name) for kind in ("diarizer", "recognizer") for name in registry.find(kind)}
    assert named <= there and {name for _, name in there - named} <= {"open", "oracle", "pixit"}
    asked = Namespace(backend=["whisper", "mfcc"], minutes=[10, 1], device="cpu", threads=1)
    both = [("whisper", way, minutes) for minutes in (1, 10) for way in (OURS, PLAIN)]
    assert [(one.backend, one.way, one.minutes) for one in orders(asked)] == [*both, ("mfcc", OURS, 1), ("mfcc", OURS, 10)]


def test_ours_is_measured_alone_where_there_is_no_package_and_what_is_there_is_kept(tmp_path, capfd):
    asked = ["--backend", "mfcc", "--backend", "compact", "--backend", "eend-eda", "--minutes", str(MINUTES)]
    asked += ["--out", str(tmp_path), "--scratch", str(tmp_path)]
    assert main(asked, SHAPES) == 0
    found = json.loads((tmp_path / "backends.json").read_text())
    assert [one["backend"] for one in found["calls"]] == ["compact", "eend-eda", "mfcc"]
    assert all(one["audio"] == 6 and one["seconds"] > 0 and one["peak_mib"] >= one["idle_mib"] > 20 for one in found["calls"])
    assert "| mfcc | 0.1 min | cpu | sepdiar |" in (tmp_path / "backends.md").read_text()
    capfd.readouterr()
    assert main(asked, SHAPES) == 0
    assert json.loads((tmp_path / "backends.json").read_text()) == found and not capfd.readouterr().err
    assert kinds.told("backends", found), "the page of all results knows what is written"


@pytest.mark.parametrize("name", [name for name, row in BACKENDS.items() if row.packages != ("torch",) and name != "mfcc"])
def test_ours_and_the_package_are_measured_on_one_dialogue_and_their_answers_compared(name, tmp_path):
    if lacks := missing(name):
        pytest.skip(f"{', '.join(lacks)} not installed")
    if name == "whisper":
        pytest.importorskip("transformers", reason="needs transformers, to build a Whisper")
    minutes = 2 * MINUTES if name.startswith("pyannote") else MINUTES  # more than a window
    asked = ["--backend", name, "--minutes", str(minutes), "--out", str(tmp_path), "--scratch", str(tmp_path)]
    assert main(asked, SHAPES) == 0
    ours, *others = json.loads((tmp_path / "backends.json").read_text())["calls"]
    assert [ours["way"], *(one["way"] for one in others)] == list(BACKENDS[name].ways)
    assert all(one["seconds"] > 0 and package in one["package"] for one in (ours, *others) for package in BACKENDS[name].packages)
    if name in SAME:
        (said,) = (one["answer"] for one in others)
        assert said.startswith("the same ") and int(said.split()[2]) > 3, said


def test_a_row_whose_package_is_missing_says_what_mends_it(tmp_path):
    lacking = next((name for name in BACKENDS if missing(name)), None)
    if lacking is None:
        pytest.skip("every package is installed")
    assert main(["--backend", lacking, "--minutes", "0.1", "--out", str(tmp_path), "--scratch", str(tmp_path)]) == 0
    assert "pip install 'sepdiar[" in (tmp_path / "backends.md").read_text()


def test_another_python_is_started_for_a_row_and_what_is_none_is_refused(tmp_path, capsys):
    asked = ["--backend", "mfcc", "--minutes", "0.1", "--out", str(tmp_path), "--scratch", str(tmp_path)]
    assert main([*asked, "--package-python", f"mfcc={tmp_path}/python"]) == 0
    assert f"not run: {tmp_path}/python cannot be started" in (tmp_path / "backends.md").read_text()
    for wrong in ("mfcc", "flute=python"):
        with pytest.raises(SystemExit):
            main([*asked, "--package-python", wrong])
    assert "a row and a Python" in capsys.readouterr().err


def test_a_process_that_fails_says_what_it_said_last(tmp_path):
    bench = Bench(Namespace(within=1, memory=8, package_python=[], speech=None), tmp_path)
    with pytest.raises(SepdiarError, match=r"SD901.*exit 3: flat"):
        bench.ran(["sh", "-c", "echo flat >&2; exit 3"], {"way": OURS})


def test_answers_are_compared_whatever_speakers_are_called():
    turns = [["a", 0.0, 1.0], ["b", 0.5, 2.0], ["a", 3.0, 4.0]]
    renamed = [["y", 0.49, 2.01], ["x", 0.0, 1.0], ["x", 3.0, 4.0]]
    assert same.turns(turns, renamed) == "the same 3 turns within a frame"
    assert same.turns(turns, [["x", 0.0, 1.0], ["y", 0.5, 2.0], ["y", 3.0, 4.0]]).endswith("33.33 % of the time other speakers")
    assert same.turns(turns, [["x", 0.0, 1.0], ["x", 0.5, 2.0], ["x", 3.0, 4.0]]).startswith("other turns: 3 against 3")
    assert same.turns(turns, renamed[:2]).startswith("other turns: 3 against 2, 34")
    assert same.turns([], []) == "the same 0 turns within a frame"
    answers = {"whole": turns, "first": ["it"]}, {"whole": renamed, "first": ["so", "it"]}
    assert (
        same.compared(*answers, "diarizer").startswith("the same")
        and same.compared(*answers, "recognizer") == "1 of 2 words the same"
    )


def test_the_goals_are_by_the_processor_and_pyannote_has_one_of_its_own():
    rows = [cell(OURS), cell(PLAIN, processor=3.3, seconds=2.0, answer="the same 9 words")]
    rows += [
        cell(OURS, "pyannote-3.1"),
        cell(PLAIN, "pyannote-3.1", processor=5.7, seconds=40.0),
        cell(OURS, minutes=10, peak_mib=480.0),
    ]
    shown = table.tables({"calls": rows})
    assert "- holds: whisper, 1 min, ours against package: 1.1 x, goal 1 x; the same 9 words" in shown
    assert "**does not hold**: pyannote-3.1, 1 min, ours against package: 1.9 x, goal 2 x" in shown
    assert "whisper, cpu: ours takes 1.20 x the memory at 10 min that it takes at 1" in shown
    assert "0.5 x faster (1.1 x less of the processor)" in shown
