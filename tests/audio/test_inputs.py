"""Which files a command line means: by content and name, never opening what could block, each outcome with a code."""

from __future__ import annotations

import os
import socket
import string
from collections.abc import Callable
from pathlib import Path

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
    inputs, ignored = find_recordings([folder])
    found = {made.path: made.problem.code if made.problem else None for made in inputs}
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
    assert ignored == 5  # notes.txt, gone.txt, pipe, loop, pool


def test_named_files_are_inputs_whatever_they_are(folder: Path) -> None:
    named = [folder / name for name in ("notes.txt", "pipe", "nowhere", "gone.txt", "a.wav")]
    inputs, ignored = find_recordings([*named, "/dev/null", folder / "a.wav"])
    codes = [(made.path, made.problem.code if made.problem else None) for made in inputs]
    assert codes == [
        ("notes.txt", None),
        ("pipe", "SD102"),
        ("nowhere", "SD101"),
        ("gone.txt", "SD102"),
        ("a.wav", None),
        ("null", "SD102"),
    ]
    assert ignored == 0


def test_a_file_named_twice_is_one_input(folder: Path) -> None:
    inputs, _ = find_recordings([folder / "a.wav", folder])
    assert [made.path for made in inputs if made.path.endswith("a.wav")] == ["a.wav"]


def test_the_folder_one_stands_in_has_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert find_recordings(["."])[0][0].path == "talks/a.wav"


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
    assert next(made.problem.code for made in find_recordings([folder])[0] if made.problem) == "SD103"


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "a/../../b\0"], ids=["nul", "long", "outside"])
def test_names_that_no_file_can_have(name: str) -> None:
    inputs, _ = find_recordings([name])
    assert [made.problem.code for made in inputs if made.problem] == ["SD101"]


ODD_NAMES = [b"\xff\xfe talk.wav", b"a\nb.wav", b"$(id).wav", b"-x.wav", b"{}%s.wav", "\u202egpj.wav".encode(), b"CON.wav"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_any_bytes(tmp_path: Path, encode: Encode, name: bytes) -> None:
    encode(tmp_path / "a.wav", NOISE, 16000).rename(tmp_path / os.fsdecode(name))
    (made,), _ = find_recordings([tmp_path])
    assert os.fsencode(made.path) == os.fsencode(tmp_path.name) + b"/" + name
    assert set(item_id(made.path, content_hash(made.file))) <= set(string.ascii_lowercase + string.digits + "-")


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
    found, ignored = find_recordings([folder])
    before = [input.path for input in found], ignored
    item = folder / "RUN" / "items" / "talk"
    item.mkdir(parents=True)
    (item / "dialogue-000.flac").write_bytes(b"fLaC")
    (folder / "RUN" / "run.toml").touch()
    found, ignored = find_recordings([folder])
    assert ([input.path for input in found], ignored) == before
    assert [input.path for input in find_recordings([folder / "RUN"])[0]] == ["RUN/items/talk/dialogue-000.flac"]
