"""F14: names that break what is careless, and files that are none; each input ends in one outcome, under a safe id."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sepdiar.events import Event
from sepdiar.run import process

NAMES = [
    b"\xff\xfe podcast",
    b"caf\xe9",
    b"\x80",
    b"line\nbreak",
    b"tab\there",
    b"bell\x07",
    b"escape\x1b[31mred",
    b"return\rcarriage",
    b"'single'",
    b'"double"',
    b"back\\slash",
    b"`id`",
    b"$(touch canary)",
    b"${HOME}",
    b"$HOME",
    b"; touch canary",
    b"| touch canary",
    b"& touch canary",
    b"> canary",
    b"-x",
    b"--help",
    b"{}",
    b"{0}",
    b"{item.__class__}",
    b"%s",
    b"%n%n",
    b"*",
    b"?",
    b"[a-z]",
    b"~",
    b" leading",
    b"trailing ",
    b"a..",
    b"...b",
    b"CON",
    b"NUL",
    b"aux",
    b"x" * 251,
    "\u202egnp.wav".encode(),
    "\u200bzero\u200bwidth".encode(),
    "\ud55c\uad6d\uc5b4".encode(),
    "\U0001f399\ufe0f\U0001f468\u200d\U0001f469\u200d\U0001f467".encode(),
    unicodedata.normalize("NFC", "cafe\u0301").encode(),
    unicodedata.normalize("NFD", "cafe\u0301").encode(),
    b"<script>alert(1)</script>".replace(b"/", b"\xe2\x88\x95"),
    b"SUMS",
    b"conversation.json",
    b"items",
]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems forbid some of these names")
def test_f14_hostile_names_end_in_one_outcome_each(tiny: Path, tmp_path: Path, record: Callable[..., Path], tree: Any) -> None:
    assert len(NAMES) == 48
    corpus, out = tmp_path / "in", tmp_path / "out"
    for number, name in enumerate(NAMES):
        record(corpus / (os.fsdecode(name) + ".wav"), seed=number + 1)
    hidden = b"...b"
    heard: list[Event] = []
    made = process([corpus], out, recipe=tiny, workers=2, listen=heard.append)
    assert (made.inputs, made.done, made.failed) == (len(NAMES) - 1, len(NAMES) - 1, 0), made
    ids = [path.name for path in (out / "items").iterdir()]
    assert len(ids) == made.done and all(re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{12}", id) for id in ids)
    paths = {json.loads((out / "items" / id / "conversation.json").read_text())["recording"]["path"] for id in ids}
    assert paths == {f"{os.fsdecode(name)}.wav" for name in NAMES if name != hidden}
    for name, data in tree(out).items():
        assert name.endswith(".bin") or data.decode().isprintable() or "\n" in data.decode()
    assert not list(tmp_path.rglob("canary")) and not Path("canary").exists()
    assert Counter(event.kind for event in heard)["item.done"] == made.done


@pytest.mark.skipif(sys.platform != "linux", reason="needs devices and pipes")
def test_f14_what_is_no_file_has_a_code_of_its_own(tiny: Path, tmp_path: Path, record: Callable[..., Path]) -> None:
    corpus, out = tmp_path / "in", tmp_path / "out"
    record(corpus / "good.wav")
    (corpus / "loop").symlink_to(corpus, target_is_directory=True)
    (corpus / "self.wav").symlink_to(corpus / "self.wav")
    (corpus / "dangling.wav").symlink_to(corpus / "nowhere")
    (corpus / "folder.wav").mkdir()
    os.mkfifo(corpus / "pipe.wav")
    (corpus / "locked.wav").write_bytes(b"RIFF")
    (corpus / "locked.wav").chmod(0)
    (corpus / "device.wav").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(corpus / "socket.wav"))
        made = process([corpus], out, recipe=tiny, workers=1)
    codes = {path.name.rsplit("-", 1)[0]: json.loads(path.read_text())["code"] for path in (out / "failures").iterdir()}
    locked = {"locked": "SD103"} if os.geteuid() else {}
    kinds = {"dangling": "SD102", "device": "SD102", "pipe": "SD102", "socket": "SD102"}
    assert codes.pop("self") in ("SD101", "SD102")
    assert codes == kinds | locked
    assert made.done + made.failed + made.skipped == made.inputs == len(codes) + 2 + (0 if locked else 1)
