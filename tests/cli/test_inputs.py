"""What a user gives that cannot be worked on is one clear error, before anything is begun."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import soundfile

from sepdiar.audio.source import FileAudio
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats.moshi import manifest
from sepdiar.run import process
from sepdiar.store import disk

THERE = "SD211 no such file or folder: "
NONE = "SD206 no inputs: "
REFUSED = [
    (["nosuch"], THERE + "nosuch", "Check the path"),
    (["talks", "nosuch", "neither"], THERE + "nosuch, neither", "Check the path"),
    (["talks/*.mp3"], THERE + "talks/*.mp3: no file is called that; a pattern in quotes", "Leave out the quotes"),
    (["away"], THERE + "away: a link to nowhere, which leads nowhere", "Check the path"),
    (["empty"], NONE + "empty", "Check the paths"),
    (["texts"], NONE + "texts: files that are not audio were passed over: 1; links that lead nowhere", "Check the paths"),
    (["RUN/deep"], NONE + "RUN/deep: files inside --out, which holds what came out, were passed over: 1", "Choose a --out"),
]


@pytest.fixture
def given(record, tmp_path, monkeypatch) -> Path:
    """Folders with a recording, with nothing, with a text and a link that leads nowhere, and a run's with a recording in it."""
    record(tmp_path / "talks" / "a.wav")
    record(tmp_path / "RUN" / "deep" / "a.wav")
    for folder in ("empty", "texts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "texts" / "a.txt").write_text("not audio")
    (tmp_path / "texts" / "series").symlink_to("unmounted")
    (tmp_path / "away").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("paths", "first", "mend"), REFUSED)
def test_one_clear_error(given, tiny, paths, first, mend):
    with pytest.raises(SepdiarError) as refused:
        process(paths, "RUN", recipe=tiny)
    assert refused.value.exit == 2 and str(refused.value).startswith(first) and refused.value.hint.startswith(mend)
    assert sorted(path.name for path in (given / "RUN").iterdir()) == ["deep"]


def test_one_clear_error_on_the_command_line(given, run):
    ran = run("process", "talks/*.mp3", "--out", "RUN")
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 2)
    assert ran.stderr.startswith(REFUSED[2][1]) and "mend  Leave out the quotes" in ran.stderr


def test_what_leads_nowhere_is_told_and_the_rest_is_done(given, tiny):
    (given / "talks" / "series").symlink_to("unmounted")
    (given / "talks" / "gone.wav").symlink_to("nowhere.wav")
    (given / "talks" / "texts").symlink_to(given / "texts")
    heard = []
    made = process(["talks", "RUN/deep"], "OUT", recipe=tiny, workers=1, listen=heard.append)
    assert (made.done, made.skipped, made.failures) == (1, 1, {"SD102": 1, "SD122": 1})
    assert [event.facts["message"] for event in heard if event.kind == "note"] == [
        "links that lead nowhere were passed over: talks/series",
        "links to folders are not followed unless they are named: talks/texts",
    ]
    (told,) = [event.facts for event in heard if event.kind == "item.failed"]
    assert (told["path"], told["message"]) == ("talks/gone.wav", "a dangling link")


@pytest.mark.parametrize("paths", ["talks", "talks/a.wav", "./talks", "../{}/talks"])
def test_a_path_is_shown_as_it_was_written(given, tiny, paths):
    plan = process([paths.format(given.name)], "OUT", recipe=tiny, dry_run=True)
    assert plan.pending == (str(Path(paths.format(given.name).removesuffix("/a.wav")) / "a.wav"),)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems forbid such names")
def test_a_run_whose_name_is_no_text_is_listed_and_read(encode, podcasts, tmp_path):
    samples, rate = soundfile.read(podcasts / "bread.flac", frames=8000, dtype="float32")
    folder = tmp_path / os.fsdecode(b"r\xff") / "items" / "a"
    folder.mkdir(parents=True)
    encode(tmp_path / "dialogue-000.flac", samples, rate).rename(folder / "dialogue-000.flac")
    disk.seal(folder)
    assert "items/a/dialogue-000.flac" in manifest(folder.parent.parent)
    assert len(FileAudio.open(folder / "dialogue-000.flac").read(Span(0, 8000))) == 8000
