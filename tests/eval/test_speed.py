"""The speed command: what a process costs, which floors hold, and the whole on half a minute."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.machine import facts, measured
from sepdiar.evaluation.speed import Case, Run, cases, checks, main, time_case
from sepdiar.evaluation.speed_table import BEGIN, END, put
from sepdiar.evaluation.summary import kinds
from sepdiar.testing import voices


def run(audio: float, command: float, memory: float = 100.0) -> Run:
    return Run(audio, command, command, {"decode": command / 2}, memory, memory)


def test_memory_of_children_counts_and_events_are_heard() -> None:
    hold = "import time; held = bytearray(b'x') * (60 << 20); time.sleep(1)"
    parent = f"""
import subprocess, sys, time
held = bytearray(b'x') * (60 << 20)
sys.stderr.write('{{"kind": "note", "message": "here"}}\\nnot JSON\\n')
sys.exit(subprocess.call([sys.executable, "-c", {hold!r}]) or 3)
"""
    cost = measured([sys.executable, "-c", parent])
    assert cost.code == 3
    assert [event["kind"] for event in cost.events] == ["note", "stderr"]
    assert cost.told("note") == [{"kind": "note", "message": "here"}]
    assert cost.memory > 120 > 110 > cost.largest > 60
    assert 1 < cost.seconds < 60


def test_machine_facts_name_the_versions() -> None:
    known = facts(["numpy"])
    assert known["packages"] == {"numpy": np.__version__}
    assert known["cores"] >= 1 and known["memory_gib"] > 0 and known["processor"]


def test_short_ones_are_repeated() -> None:
    made = cases([1, 60], [1], [4, 10, 2], 3)
    assert made == [Case(1, repeat=3), Case(60), Case(1, words=True, repeat=3), Case(10, 4, 2)]
    assert cases([1], [], [], 2) == [Case(1, repeat=2)]


def test_floors_are_held_to_the_median_of_ten_minutes_and_more() -> None:
    slow = [(Case(1), [run(60, 30)]), (Case(10), [run(600, 20), run(600, 29), run(600, 40)]), (Case(60), [run(3600, 200)])]
    assert [(check.value, check.holds) for check in checks("masking", slow)] == [
        (pytest.approx(600 / 29), True),
        (18, False),
        (1, True),
    ]
    assert [check.holds for check in checks("masking", [(Case(1), [run(60, 4)])])] == [False]
    assert list(checks("another", [(Case(1), [run(60, 4)])])) == []


def test_memory_may_grow_by_a_tenth() -> None:
    def verdict(memory: float) -> bool:
        rows = [
            (Case(10), [run(600, 10, 200)]),
            (Case(60), [run(3600, 60, memory)]),
            (Case(60, words=True), [run(3600, 60, 999)]),
        ]
        return next(iter(checks("another", rows))).holds

    assert (verdict(219), verdict(221)) == (True, False)


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put("new \\1", readme)
    put("new \\1", readme)
    assert readme.read_text() == f"before\n{BEGIN}\nnew \\1\n{END}\nafter\n"


def test_the_whole_on_half_a_minute(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    asked = ["--minutes", "0.5", "--words-minutes", "--repeat", "2", "--out", str(out)]
    assert main(asked) in (0, 1)
    results = json.loads((out / "results.json").read_text())
    (row,) = results["rows"]
    assert len(row["runs"]) == 2
    assert {"decode", "diarize", "separate", "assemble", "write"} <= set(row["runs"][0]["stages"])
    assert row["runs"][0]["audio"] == pytest.approx(30, abs=0.1)
    assert row["runs"][0]["memory"] > row["runs"][0]["largest"] > 20
    assert kinds.told("results", results), "the page of all results knows what is written"
    readme = (out / "README.md").read_text()
    assert "| 0.5 min | no | 2 |" in readme
    assert readme.split(BEGIN)[1].split(END)[0].strip() in capsys.readouterr().out


def test_what_cannot_be_processed_is_an_error_and_no_figure(tmp_path: Path) -> None:
    with pytest.raises(SepdiarError, match=r"SD901.*0 of 1 done, exit 2.*separate-nothing"):
        time_case(Case(0.17), "separate-nothing", tmp_path, voices(tmp_path / "speech"))


def test_a_recipe_that_is_not_there_is_refused_before_anything_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--recipe", "separate-nothing"]) == 2
    assert "separate-nothing" in capsys.readouterr().err
