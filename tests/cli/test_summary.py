"""The end of a run, for people: what came out, where, how fast, what failed, what to do next."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from sepdiar.cli import summary
from sepdiar.results import Plan, RunSummary, Status, Verification
from sepdiar.store import Failure
from sepdiar.store.check import Fault

OUT = Path("out")
WHOLE = RunSummary(OUT, 3, 3, 0, 0, 0, 120.0, 10.0)
MIXED = RunSummary(OUT, 10, 6, 2, 1, 2, 120.0, 10.0, {"SD112": 2, "SD121": 1})
FAULTS = (Fault("a", "dialogue-000.flac", "damaged"), Fault("", "data.jsonl", "missing"))


def text(made: RunSummary) -> str:
    return click.unstyle("\n".join(summary.told(made)))


def test_a_run_without_faults_says_what_came_out_and_how_fast():
    said = text(WHOLE)
    assert "3 recordings: 3 done" in said and "failed" not in said and "SD" not in said
    assert "12 x real time" in said and "2 min 00 s of audio in 10.0 s" in said
    assert "out/items" in said and "sepdiar validate moshi out" in said


def test_items_of_other_inputs_are_listed_too_and_it_says_so():
    said = text(RunSummary(OUT, 2, 2, 0, 0, items=5))
    assert "5 recordings as two channels in out/items" in said and "3 of them of inputs not given now" in said


def test_what_failed_is_counted_by_code_with_the_way_to_mend_it():
    said = text(MIXED)
    assert "10 recordings: 6 done (2 before), 2 failed, 1 skipped, 1 left" in said
    assert "2 x SD112 damaged" in said and "--salvage" in said and "1 x SD121" in said


def test_what_is_next_depends_on_what_happened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)  # where no demo has left an out/

    def commands(made: RunSummary) -> list[str]:
        return [command for command, _ in summary.following(made)]

    assert commands(WHOLE) == ["sepdiar validate moshi out"]
    assert commands(MIXED) == ["the same command again"]
    failed = RunSummary(OUT, 1, 0, 1, 0, failures={"SD104": 1})
    assert commands(failed) == ["sepdiar status out", "sepdiar retry out"]


def test_nothing_done_claims_nothing():
    said = text(RunSummary(OUT, 1, 0, 1, 0, failures={"SD104": 1}))
    assert "real time" not in said and "out/items" not in said


@pytest.mark.parametrize(
    ("made", "code"), [(WHOLE, 0), (MIXED, 130), (RunSummary(OUT, 2, 1, 1, 0), 1), (RunSummary(OUT, 2, 1, 0, 1), 0)]
)
def test_the_exit_code_says_it_too(made, code, capsys):
    assert summary.summary(made, "auto", False) == code
    assert capsys.readouterr().out == ""


def test_programs_get_the_summary_on_stdout_and_no_words_beside_json_events(capsys):
    summary.summary(MIXED, "json", True)
    printed = capsys.readouterr()
    assert '"left": 1' in printed.out and printed.err == ""


def test_a_plan_shows_each_setting_with_its_origin(capsys):
    ignored = (Failure("x", "x.txt", "SD105", "not audio", "leave it out"),)
    summary.plan(Plan(OUT, ("decode", "diarize"), (("seed", 1, "flag"),), 3, 1, ("a.wav",), ignored, 2_000_000, 1_000_000))
    said = capsys.readouterr().out
    assert "1 to do, 1 done already, 1 not worked on" in said and "about 2.0 MB needed, 1.0 MB free" in said
    assert "decode > diarize" in said and "to do  a.wav" in said and "SD105 not audio: x.txt" in said
    assert any(line.split() == ["seed", "1", "flag"] for line in said.splitlines())


def test_a_status_says_who_works_on_it_or_how_to_continue(capsys):
    summary.standing(Status(OUT, 2, 1, 0, 0, (), "this machine, process 7"))
    assert "in use by this machine, process 7" in capsys.readouterr().out
    summary.standing(Status(OUT, 2, 1, 0, 0, (), ""))
    assert "the same command again continues" in capsys.readouterr().out


def test_a_verification_names_each_file_and_the_command_that_repairs(capsys):
    summary.verified(Verification(OUT, 4, FAULTS))
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["damaged  out/items/a/dialogue-000.flac", "missing  out/data.jsonl"]
    assert printed.err.startswith("SD306") and "2 files" in printed.err and "sepdiar verify out --repair" in printed.err
    summary.verified(Verification(OUT, 4, FAULTS, FAULTS))
    printed = capsys.readouterr()
    assert printed.out.count("repaired") == 2 and printed.err == ""
