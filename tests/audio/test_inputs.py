"""Which files a command line means: by content and name, never opening what could block, each outcome with a code."""

from __future__ import annotations

import os
import re
import socket
import string
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sepdiar.audio.inputs import content_hash, find_recordings, item_id, name_sha256, open_regular
from sepdiar.errors import SepdiarError

Encode = Callable[..., Path]
NOISE = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, encode: Encode) -> Path:
    folder = tmp_path / "talks"
    (folder / "deep.wav").mkdir(parents=True)
    encode(folder / "b.flac", NOISE, 16000)
    encode(folder / "a.wav", NOISE, 16000)
    encode(folder / "deep.wav" / "c.mp3", NOISE, 16000).rename(folder / "deep.wav" / "no_ending")
    encode(folder / ".hidden.wav", NOISE, 16000)
    (folder / "notes.txt").write_text("not audio")
    (folder / "broken.mp3").write_text("not audio either")
    (folder / "empty.wav").touch()
    (folder / "self").symlink_to(folder)
    (folder / "gone.wav").symlink_to(folder / "nowhere")
    (folder / "gone.txt").symlink_to(folder / "nowhere")
    (folder / "loop").symlink_to(folder / "pool")
    (folder / "pool").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe.wav")
    os.mkfifo(folder / "pipe")
    return folder


def test_a_folder(folder: Path) -> None:
    seen = find_recordings([folder])
    found = {os.path.relpath(made.path, folder.parent): made.problem.code if made.problem else None for made in seen.inputs}
    assert found == {
        "talks/a.wav": None,
        "talks/b.flac": None,
        "talks/broken.mp3": None,
        "talks/deep.wav/no_ending": None,
        "talks/empty.wav": "SD104",
        "talks/gone.wav": "SD102",
        "talks/pipe.wav": "SD102",
    }
    assert list(found) == sorted(found, key=os.fsencode)
    assert (seen.not_audio, len(seen.lead_nowhere), len(seen.not_followed)) == (
        2,
        3,
        1,
    )  # notes.txt, pipe; gone.txt, loop, pool; self
    assert "gone.txt" in seen.notes[1] and "self" in seen.notes[2]


def test_named_files_are_inputs_whatever_they_are(folder: Path) -> None:
    named = [folder / name for name in ("notes.txt", "pipe", "a.wav")]
    found = find_recordings([*named, "/dev/null", folder / "a.wav"])
    codes = [(made.name, made.problem.code if made.problem else None) for made in found.inputs]
    assert codes == [("notes.txt", None), ("pipe", "SD102"), ("a.wav", None), ("null", "SD102")]
    assert found.notes == []


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("nosuch", "SD211 no such file or folder: nosuch"),
        ("a.wav/b", "SD211 no such file or folder: a.wav/b: Not a directory"),
        ("*.mp3", "SD211 no such file or folder: *.mp3: no file is called that; a pattern in quotes"),
        ("gone.txt", "gone.txt: a link to .*nowhere, which leads nowhere"),
        ("loop", "loop: a link to .*pool, which leads nowhere"),
        ("a\0b", "a\\0b: embedded null byte"),
        ("x" * 5000, "File name too long"),
    ],
    ids=["missing", "below a file", "pattern", "dangling", "loop", "nul", "long"],
)
def test_what_is_not_there_is_refused_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(SepdiarError) as refused:
        find_recordings(["a.wav", name, "b.flac"])
    assert refused.value.exit == 2 and re.match(f".*{what}".replace("*.mp3", r"\*.mp3"), str(refused.value))
    assert "a.wav," not in str(refused.value) and "b.flac" not in str(refused.value)


def test_a_file_reached_in_several_ways_is_one_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    Path("way").symlink_to(folder)
    found = find_recordings([folder / "a.wav", "talks", "way/a.wav", "talks/../talks/a.wav", "way"])
    assert len(found.inputs) == len(find_recordings([folder]).inputs)
    assert [made.path for made in found.inputs if made.name == "a.wav"] == [str(folder / "a.wav")]
    assert {made.file.parent for made in found.inputs} == {folder, folder / "deep.wav"}


def test_a_path_is_shown_as_it_was_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for written, shown in ((".", "a.wav"), ("../talks", "../talks/a.wav"), (folder, str(folder / "a.wav"))):
        first = find_recordings([written]).inputs[0]
        assert (first.path, first.file, first.name) == (shown, folder / "a.wav", "a.wav")


def test_folders_may_be_as_deep_as_the_system_allows(tmp_path: Path, record: Callable[..., Path], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        Path("d").mkdir()
        os.chdir("d")
    record(Path("a.wav"))
    monkeypatch.chdir(tmp_path)
    found = find_recordings(["d"])
    assert [made.name for made in found.inputs] == ["a.wav"] and not found.inputs[0].problem
    subprocess.run(["rm", "-r", "d"], check=True)  # what Python removes a tree with calls itself


def test_a_socket_and_a_device_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.wav")
        for path in (Path("s.wav"), Path("/dev/zero"), tmp_path):
            with pytest.raises(SepdiarError) as error:
                open_regular(path)
            assert error.value.code == "SD102"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(folder: Path) -> None:
    (folder / "a.wav").chmod(0)
    assert next(made.problem.code for made in find_recordings([folder]).inputs if made.problem) == "SD103"


ODD_NAMES = [b"\xff\xfe talk.wav", b"a\nb.wav", b"$(id).wav", b"-x.wav", b"{}%s.wav", "\u202egpj.wav".encode(), b"CON.wav"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_any_bytes(tmp_path: Path, encode: Encode, name: bytes) -> None:
    encode(tmp_path / "a.wav", NOISE, 16000).rename(tmp_path / os.fsdecode(name))
    (made,) = find_recordings([tmp_path]).inputs
    assert os.fsencode(made.name) == name
    assert set(item_id(made.name, content_hash(made.file))) <= set(string.ascii_lowercase + string.digits + "-")


@settings(deadline=None)
@given(st.text(max_size=400), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_an_id_is_a_safe_name_of_bounded_length_that_ends_in_the_content(name: str, sha256: str) -> None:
    made = item_id(name, sha256)
    assert set(made) <= set(string.ascii_lowercase + string.digits + "-")
    assert made[0].isalnum() and made.endswith(f"-{sha256[:12]}")
    assert len(made) <= 64


def test_twins_in_composed_and_decomposed_letters_differ_by_content_alone() -> None:
    assert item_id("caf\u00e9.wav", "0" * 64) == item_id("cafe\u0301.wav", "0" * 64)


def test_a_name_stands_in_where_there_is_no_content() -> None:
    assert name_sha256("a\udcff.wav") != name_sha256("a\udcfe.wav")


def test_what_another_run_made_is_no_input_unless_it_is_named(folder: Path) -> None:
    before = find_recordings([folder])
    item = folder / "RUN" / "items" / "talk"
    item.mkdir(parents=True)
    (item / "dialogue-000.flac").write_bytes(b"fLaC")
    (folder / "RUN" / "run.toml").touch()
    after = find_recordings([folder])
    assert ([made.file for made in after.inputs], after.notes) == ([made.file for made in before.inputs], before.notes)
    assert [made.name for made in find_recordings([folder / "RUN"]).inputs] == ["dialogue-000.flac"]
