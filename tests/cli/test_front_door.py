"""The first minute: help that is quick, mistakes that are answered, streams and exit codes that scripts can rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest

import sepdiar
from sepdiar.cli import COMMANDS
from sepdiar.cli import sepdiar as front
from sepdiar.errors import CODES

HEAVY = {"numpy", "torch", "soundfile", "scipy", "soxr", "av", "onnxruntime", "pocketsphinx", "pandas", "rich"}


def modules_after(code: str) -> set[str]:
    """What is imported once `code` has run."""
    report = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('modules', *sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ran.stderr.rpartition("modules ")[2].split()}


@pytest.mark.parametrize(
    "code",
    [
        "import sepdiar",
        "from sepdiar import SepdiarError, Conversation, explain",
        "from sepdiar.cli import main; main(['--help'])",
        "from sepdiar.cli import main; main(['--version'])",
        "from sepdiar.cli import main; main(['explain', 'SD112'])",
        "from sepdiar.cli import main; main(['process', '--nonsense'])",
        *(f"from sepdiar.cli import main; main(['{name}', '--help'])" for name in COMMANDS),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code):
    assert not modules_after(code) & HEAVY


def test_the_help_lists_every_command_with_what_it_does(run):
    ran = run("--help")
    assert ran.returncode == 0 and not ran.stderr
    for name in COMMANDS:
        line = next(line for line in ran.stdout.splitlines() if line.split()[:1] == [name])
        assert len(line.split()) > 3


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_explains_itself(name):
    command = front.get_command(None, name)
    assert command.help
    commands = command.commands.values() if hasattr(command, "commands") else [command]
    assert all(option.help for one in commands for option in one.params if isinstance(option, click.Option))


def test_the_version_is_the_same_everywhere(run):
    assert run("--version").stdout == f"sepdiar {sepdiar.__version__}\n"
    assert version("sepdiar") == sepdiar.__version__


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["proces"], "SD200", "Did you mean process?"),
        (["nonsense"], "SD200", "There are: process"),
        (["--nonsense"], "SD200", "--nonsense"),
        (["process"], "SD200", "PATH"),
        (["process", "a.wav"], "SD200", "--out"),
        (["process", "a.wav", "--out", "x", "--pairing", "triadic"], "SD200", "triadic"),
        (["process", "a.wav", "--out", "x", "--workers", "0"], "SD200", "workers"),
        (["diarize", "a.wav", "--set", "seed"], "SD200", "KEY=VALUE"),
        (["diarize", "a.wav", "--set", "diarise.speakers=2"], "SD202", "diarise.speakers"),
        (["diarize", "a.wav", "--recipe", "nonesuch"], "SD201", "masking"),
        (["diarize", "a.wav", "--config", "none.toml"], "SD203", "none.toml"),
        (["explain", "SD113"], "SD201", "SD112"),
        (["status", "nowhere"], "SD207", "nowhere"),
        (["process", "a.wav", "--out", "x", "--set", 'chain=["decode"]'], "SD204", "files"),
        (["process", "", "--out", "x"], "SD200", "an empty path"),
        (["process", "a.wav", "--out", ""], "SD200", "an empty path"),
    ],
)
def test_wrong_usage_is_answered_in_one_form(run, arguments, code, said):
    ran = run(*arguments)
    assert ran.returncode == 2 and ran.stdout == ""
    first, second = ran.stderr.splitlines()
    assert first.startswith(f"{code} {CODES[code].title}: ") and said in first
    assert second.startswith("  mend  ") and len(second) > 12


def test_without_a_command_the_help_is_shown_as_it_is(run):
    ran = run()
    assert (ran.returncode, ran.stdout) == (2, "") and ran.stderr == run("--help").stdout


@pytest.mark.parametrize(("name", "code", "exit"), [("none.wav", "SD101", 1), (".", "SD102", 1)])
def test_an_input_that_cannot_be_used_is_named(run, name, code, exit):
    ran = run("diarize", name)
    assert (ran.returncode, ran.stdout) == (exit, "")
    assert ran.stderr.startswith(code) and "Traceback" not in ran.stderr


def test_a_traceback_is_there_for_who_asks(run):
    assert "Traceback" in run("diarize", "none.wav", SEPDIAR_DEBUG="1").stderr


def test_a_name_cannot_drive_the_terminal(run):
    assert "\x1b" not in run("diarize", "a\x1b[2Jb\nc.wav").stderr


@pytest.mark.parametrize("code", ["SD112", "sd112", "112"])
def test_a_code_is_explained(run, code):
    ran = run("explain", code)
    row = CODES["SD112"]
    assert ran.stdout.startswith(f"SD112 {row.title}\n")
    assert " ".join(row.why.split()) in " ".join(ran.stdout.split())
    assert " ".join(row.mend.split()) in " ".join(ran.stdout.split())


def test_all_codes_are_listed(run):
    assert [line.split()[0] for line in run("explain").stdout.splitlines()] == list(CODES)
    assert json.loads(run("explain", "--json").stdout).keys() == CODES.keys()
    assert json.loads(run("explain", "SD121", "--json").stdout)["skips"] is True


def test_backends_and_recipes_for_people_and_for_programs(run):
    listed = json.loads(run("backends", "--json").stdout)
    assert {("diarizer", "mfcc"), ("separator", "masking")} <= {(row["kind"], row["name"]) for row in listed}
    assert "mfcc" in run("backends").stdout
    assert json.loads(run("recipes", "--json").stdout)["masking"]["chain"][0] == "decode"
    assert "masking" in run("recipes").stdout


def test_whoever_stops_reading_is_not_shouted_at(tmp_path):
    line = f"{sys.executable} -m sepdiar explain | true; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert ran.stderr == "" and int(ran.stdout) in (0, 141)


def test_a_closed_stdout_is_no_reason_to_fail(tmp_path):
    line = f"{sys.executable} -m sepdiar explain SD112 >&-"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_file_in_the_place_of_the_run_is_named(run, tmp_path):
    (tmp_path / "here").write_text("a file")
    ran = run("process", tmp_path / "here", "--out", "here")
    assert ran.returncode == 2 and ran.stderr.startswith("SD209") and "Choose another --out" in ran.stderr


def test_python_m_is_the_same_command():
    script = Path(sys.executable).with_name("sepdiar")
    ran = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"sepdiar {sepdiar.__version__}\n"
