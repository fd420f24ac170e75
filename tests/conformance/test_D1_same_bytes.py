"""D1: the same input and the same configuration give the same bytes, whatever else differs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sepdiar.run import process, status

WORLDS: dict[str, dict[str, Any]] = {
    "two workers": {"workers": 2},
    "four workers": {"workers": 4},
    "another hash seed": {"environment": {"PYTHONHASHSEED": "12345"}},
    "another locale and time zone": {"environment": {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONUTF8": "0"}},
    "another umask": {"umask": 0o077},
    "another directory": {"elsewhere": True},
}


@pytest.mark.parametrize("world", WORLDS)
def test_d1_same_bytes_in_another_world(world: str, bench: Any, golden: Any, tree: Any) -> None:
    differs = WORLDS[world]
    out, cwd = bench.folder / "out", bench.folder
    command = bench.command(out, differs.get("workers", 1))
    if differs.get("elsewhere"):
        cwd = bench.folder / "deep" / "below"
        shutil.copytree(bench.corpus, cwd / "in")
        command = bench.command(Path("../out"), 1, (Path("in"),))
        out = cwd.parent / "out"
    umask = differs.get("umask", -1)
    environment = bench.environment(**differs.get("environment", {}))
    made = subprocess.run(command, env=environment, cwd=cwd, umask=umask, capture_output=True, text=True, check=False)
    assert made.returncode == 1, made.stderr
    assert tree(out) == golden
    if umask > 0:
        assert {path.stat().st_mode & umask for path in out.rglob("*")} == {0}
    assert os.fsencode(bench.folder) not in b"".join(tree(out).values())


def test_d1_same_bytes_in_another_order(bench: Any, tree: Any) -> None:
    inputs = sorted(bench.corpus.iterdir())
    for number, order in enumerate((inputs, inputs[::-1], [*inputs[3:], *inputs[:3]])):
        command = bench.command(bench.folder / f"out-{number}", 2, tuple(order))
        assert subprocess.run(command, env=bench.environment(), stderr=subprocess.DEVNULL, check=False).returncode == 1
    assert tree(bench.folder / "out-0") == tree(bench.folder / "out-1") == tree(bench.folder / "out-2")


WAYS: dict[str, Callable[[Path], list[Path]]] = {
    "its files": lambda corpus: sorted(corpus.iterdir()),
    "its files backwards": lambda corpus: sorted(corpus.iterdir(), reverse=True),
    "where one stands": lambda corpus: [Path()],
    "relative": lambda corpus: [Path("..") / corpus.name],
    "a link to the folder": lambda corpus: [linked(corpus.parent / "way", corpus)],
    "links to the files": lambda corpus: [linked(corpus.parent / "ways" / file.name, file) for file in corpus.iterdir()],
    "the folder and its files": lambda corpus: [corpus, *corpus.iterdir()],
    "another folder": lambda corpus: [shutil.copytree(corpus, corpus.parent / "deep" / "other")],
}


def linked(place: Path, to: Path) -> Path:
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(to)
    return place


@pytest.mark.parametrize("way", WAYS)
def test_d1_same_bytes_however_the_recordings_are_named(
    way: str, bench: Any, tiny: Path, tree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.corpus)
    process([bench.corpus], bench.folder / "out", recipe=tiny, workers=1)
    process(WAYS[way](bench.corpus), bench.folder / "again", recipe=tiny, workers=2)
    assert tree(bench.folder / "again") == tree(bench.folder / "out")


def test_d1_several_of_one_name(bench: Any, tiny: Path, tree: Any, record: Callable[..., Path]) -> None:
    """In whatever folder each of them lies: an item tells the name alone, and the run where it was."""
    for world, folders in (("one", "uvwxyz"), ("other", "zxvuyw")):
        for folder, seed in zip(folders, (1, 2, 1, 1, 0, 0), strict=True):
            file = bench.folder / world / folder / "talk.wav"
            record(file, seed=seed) if seed else (file.parent.mkdir(parents=True), file.touch())
        process([bench.folder / world], bench.folder / f"out-{world}", recipe=tiny, workers=1)
    assert tree(bench.folder / "out-one") == tree(bench.folder / "out-other")
    stands = status(bench.folder / "out-one")
    assert (stands.inputs, stands.done, stands.failed, stands.skipped, stands.left) == (6, 2, 2, 2, 0)
    lie = {str(bench.folder / "one" / folder / "talk.wav") for folder in "uvwxyz"}
    assert {failure.path for failure in stands.failures} < lie
    rows = map(json.loads, (bench.folder / "out-one" / "inputs.log").read_text().splitlines())
    assert {row["file"]: row["path"] for row in rows} == {path: path for path in lie}


def test_d1_resumed_six_times(bench: Any, tree: Any, record: Callable[..., Path]) -> None:
    for number in range(4):
        record(bench.corpus / f"slow-{number}.wav")
    assert bench.run(bench.folder / "undisturbed", 2).returncode == 1
    out = bench.folder / "out"
    for number in range(6):
        run = subprocess.Popen(bench.command(out, 1 + number % 2), env=bench.environment(), stderr=subprocess.DEVNULL)
        time.sleep(0.3 + 0.07 * number)
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert bench.run(out, 2).returncode == 1
    assert tree(out) == tree(bench.folder / "undisturbed")
