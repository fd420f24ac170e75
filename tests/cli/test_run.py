"""A run from the command line, on the example podcasts: what is said, what is written, what a script can rely on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

WORDLESS = ("--recognizer", "none", "--workers", "1")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, podcasts) -> Path:
    """Two podcasts, one thing that is not audio, one file that holds nothing."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("bread.flac", "lighthouse.flac"):
        (folder / name).write_bytes((podcasts / name).read_bytes())
    (folder / "notes.wav").write_text("these are notes\n" * 100)
    (folder / "void.mp3").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def made(inputs) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run of them without words, made once."""
    out = inputs.parent / f"{inputs.name}-out"
    line = [sys.executable, "-m", "sepdiar", "process", str(inputs), "--out", str(out), *WORDLESS]
    return out, subprocess.run(line, capture_output=True, text=True, timeout=240, check=False)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run, inputs, tmp_path):
    ran = run("process", inputs, "--out", "plan", *WORDLESS, "--dry-run", "--json")
    assert ran.returncode == 0, ran.stderr
    plan = json.loads(ran.stdout)
    assert (plan["inputs"], plan["done"], len(plan["pending"])) == (4, 0, 3), "what is in notes.wav shows when it is decoded"
    assert [failure["code"] for failure in plan["ignored"]] == ["SD104"]
    assert not (tmp_path / "plan").exists()
    assert ["transcribe.backend", "none", "flag"] in plan["settings"]
    people = run("process", inputs, "--out", "plan", *WORDLESS, "--dry-run").stdout
    assert "4 recordings" in people and "transcribe.backend" in people and "flag" in people


def test_a_dry_run_imports_no_torch(inputs, tmp_path):
    code = f"""import sys
from sepdiar import process
process([{str(inputs)!r}], {str(tmp_path / "plan")!r}, dry_run=True)
print(sorted({{"torch", "onnxruntime", "pocketsphinx"}} & set(sys.modules)))"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_good_recordings_come_out_and_bad_ones_are_named(made):
    out, ran = made
    assert ran.returncode == 1 and ran.stdout == ""
    assert len(list(out.glob("items/*/dialogue-000.flac"))) == 2
    lines = ran.stderr.splitlines()
    assert lines[0] == f"4 recordings into {out}"
    assert sum(line.startswith("done ") for line in lines) == 2
    assert any(line.startswith("failed ") and "SD105" in line and "notes.wav" in line for line in lines)
    assert any(line.startswith("failed ") and "SD104" in line and "void.mp3" in line for line in lines)
    assert "4 recordings: 2 done, 2 failed" in ran.stderr and "x real time" in ran.stderr
    assert f"next  sepdiar retry {out}" in ran.stderr and "Traceback" not in ran.stderr


def test_a_second_run_has_nothing_to_do(made, run, inputs):
    out, _ = made
    ran = run("process", inputs, "--out", out, *WORDLESS, "--json")
    summary = json.loads(ran.stdout)
    assert (summary["done"], summary["already_done"], summary["failed"], summary["audio_seconds"]) == (2, 2, 2, 0.0)


def test_another_configuration_is_refused_by_name_of_the_key(made, run, inputs):
    ran = run("process", inputs, "--out", made[0], *WORDLESS, "--set", "assemble.fade_ms=7")
    assert ran.returncode == 2 and ran.stderr.startswith("SD205") and "assemble.fade_ms" in ran.stderr


def test_status_and_verify_say_where_it_stands(made, run):
    out, _ = made
    status = json.loads(run("status", out, "--json").stdout)
    assert (status["inputs"], status["done"], status["failed"], status["left"]) == (4, 2, 2, 0)
    people = run("status", out).stdout
    assert "4 recordings: 2 done, 2 failed" in people and "SD104" in people and "mend" in people
    verified = run("verify", out)
    assert verified.returncode == 0 and "every file is as it was written" in verified.stderr


def test_a_run_is_valid_for_moshi_and_has_a_report(made, run):
    out, _ = made
    ran = run("validate", "moshi", out)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    page = run("report", out)
    assert page.returncode == 0 and Path(page.stdout.strip()).read_text().startswith("<!doctype html>")


def test_events_for_programs(run, podcasts, tmp_path):
    ran = run("process", podcasts / "bread.flac", "--out", "out", *WORDLESS, "--log-format", "json")
    assert ran.returncode == 0, ran.stderr
    kinds = [json.loads(line)["kind"] for line in ran.stderr.splitlines()]
    assert (kinds[0], kinds[-1]) == ("run.started", "run.finished") and kinds.count("item.done") == 1


def test_separate_gives_a_file_a_speaker_as_long_as_the_recording(run, podcasts, tmp_path):
    ran = run("separate", podcasts / "bread.flac", "--out", "apart")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["apart/bread-1.wav", "apart/bread-2.wav"]
    whole, rate = soundfile.read(podcasts / "bread.flac", dtype="int16")
    channels = [soundfile.read(tmp_path / name, dtype="int16") for name in ran.stdout.split()]
    assert all(found == rate and len(samples) == len(whole) for samples, found in channels)
    copied = [(samples == whole) & (whole != 0) for samples, _ in channels]
    assert np.mean((copied[0] | copied[1])[whole != 0]) > 0.5, "clean speech is the input, sample for sample"
    assert not np.array_equal(channels[0][0], channels[1][0])


def test_diarize_answers_on_stdout_or_in_a_file(run, podcasts, tmp_path):
    ran = run("diarize", podcasts / "bread.flac")
    assert ran.returncode == 0, ran.stderr
    assert {line.split()[0] for line in ran.stdout.splitlines()} == {"SPEAKER"}
    assert {line.split()[7] for line in ran.stdout.splitlines()} >= {"S1", "S2"}
    quiet = run("diarize", podcasts / "bread.flac", "--rttm", "bread.rttm")
    assert quiet.stdout == "" and (tmp_path / "bread.rttm").read_text() == ran.stdout


@pytest.mark.parametrize("name", ["my talk.flac", "#1 \udcff;$(id).flac", "-x.flac"])
def test_no_name_is_too_odd(run, podcasts, tmp_path, name):
    (tmp_path / name).write_bytes((podcasts / "bread.flac").read_bytes())
    ran = run("diarize", "--diarizer", "mfcc", "--", name, PYTHONIOENCODING="ascii")
    assert ran.returncode == 0, ran.stderr
    assert all(len(line.split()) == 10 for line in ran.stdout.splitlines()) and ran.stdout


@pytest.mark.slow
def test_transcribe_gives_words_on_two_channels(run, podcasts):
    ran = run("transcribe", podcasts / "bread.flac")
    assert ran.returncode == 0, ran.stderr
    assert {line.split()[1] for line in ran.stdout.splitlines()} == {"1", "2"}
    assert "demonstration grade" in ran.stderr


def test_ctrl_c_drains_and_the_same_command_continues(podcasts, tmp_path, run):
    line = [sys.executable, "-m", "sepdiar", "process", str(podcasts), "--out", "out", *WORDLESS]
    with subprocess.Popen([*line, "--log-format", "json"], stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        kinds = []
        for event in map(json.loads, process.stderr):
            kinds.append(event["kind"])
            if event["kind"] == "item.started":
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130 and "run.stopping" in kinds and kinds.count("item.started") == 1
    assert json.loads(run("status", "out", "--json").stdout)["left"] >= 2
    again = run("process", podcasts, "--out", "out", *WORDLESS)
    assert again.returncode == 0 and "3 recordings: 3 done" in again.stderr


def test_a_run_nobody_listens_to_ends_as_other_programs_do(podcasts, tmp_path):
    line = f"{sys.executable} -m sepdiar process {podcasts} --out out --recognizer none 2>&1 | true; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert (ran.stdout, ran.stderr) == ("141\n", "")


def test_a_second_ctrl_c_at_once_is_as_quiet_as_the_first(podcasts, tmp_path):
    code = f"""import signal
from sepdiar.cli import main, refusal
import sepdiar.cli, sepdiar.run
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background may ignore it
def interrupted(*_, **__):
    signal.raise_signal(signal.SIGINT)
def again(error):
    signal.raise_signal(signal.SIGINT)
    return refusal(error)
sepdiar.run.process, sepdiar.cli.refusal = interrupted, again
main(["process", {str(podcasts)!r}, "--out", "out"])"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 130 and "SD903 interrupted" in ran.stderr and "Traceback" not in ran.stderr
