"""F1, F2: killed, or refused by the disk, at every call that changes something; the same command again gives the same bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")

CHANGING = ("write", "pwrite64", "rename", "mkdir", "fsync", "rmdir", "unlink", "unlinkat", "ftruncate")
REFUSING = {"ENOSPC": ("write", "mkdir", "fsync"), "EIO": ("write", "rename", "fsync"), "EDQUOT": ("write", "mkdir")}
CODES = {"ENOSPC": "SD301", "EIO": "SD302", "EDQUOT": "SD303"}
NAIVE = """
import os, pathlib, sys
out = pathlib.Path(sys.argv[1])
for file in sorted(pathlib.Path(sys.argv[2]).glob("*.wav")):
    item = out / file.stem
    if not item.exists():
        item.mkdir(parents=True)
        (item / "copy.bin").write_bytes(file.read_bytes())
        (item / "about.json").write_text(file.name)
"""


def sample(points: list[Any], many: int) -> list[Any]:
    """Spread over all of them, the first and the last included."""
    return [points[round(index * (len(points) - 1) / (many - 1))] for index in range(many)]


def killed(bench: Any, out: Path, strace: str, call: str, number: int, workers: int) -> None:
    inject = f"inject={call}:signal=KILL:when={number}"
    bench.run(out, workers, (strace, "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject))


def check_kills(bench: Any, strace: str, points: list[tuple[str, int]], workers: int, golden: Any, tree: Any, whole: Any) -> None:
    bad = []
    for call, number in points:
        out = bench.folder / f"{call}-{number}"
        killed(bench, out, strace, call, number, workers)
        seen = whole(out)
        again = bench.run(out, workers)
        if not seen or again.returncode != 1 or tree(out) != golden:
            bad.append((call, number, seen, again.stderr))
        shutil.rmtree(out)
    assert not bad


def test_f1_killed_at_any_call(bench: Any, strace: str, points: Any, golden: Any, tree: Any, whole: Any) -> None:
    check_kills(bench, strace, sample(points(CHANGING), 8), 2, golden, tree, whole)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [1, 2])
def test_f1_killed_at_every_call(workers: int, bench: Any, strace: str, points: Any, golden: Any, tree: Any, whole: Any) -> None:
    check_kills(bench, strace, points(CHANGING), workers, golden, tree, whole)


def test_f1_control_a_naive_protocol_is_caught(bench: Any, strace: str, tmp_path: Path) -> None:
    """Write into the final folder, skip what exists: the same faults must show that this loses data, or they show nothing."""
    command = [sys.executable, "-S", "-c", NAIVE]
    wrong = 0
    for call, number in [("mkdir", 2), ("mkdir", 3), *(("write", number) for number in range(1, 5))]:
        out = tmp_path / f"naive-{call}-{number}"
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
        for before in ([strace, "-qq", "-o", "/dev/null", *inject], []):
            subprocess.run([*before, *command, str(out), str(bench.corpus)], capture_output=True, check=False)
        wrong += any(len(list(item.iterdir())) < 2 or not (item / "about.json").stat().st_size for item in out.iterdir())
    assert wrong >= 3


def check_refusals(bench: Any, strace: str, points: list[tuple[str, str, int]], golden: Any, tree: Any, whole: Any) -> None:
    bad = []
    for error, call, number in points:
        out, log = bench.folder / f"{error}-{call}-{number}", bench.folder / "refused.log"
        inject = f"inject={call}:error={error}:when={number}"
        made = bench.run(out, 1, (strace, "-f", "-y", "-qq", "-o", str(log), "-e", f"trace={call}", "-e", inject))
        refused = [line for line in log.read_text(errors="replace").splitlines() if "INJECTED" in line]
        mute = any("write(2<" in line for line in refused)  # then it cannot tell
        for_us = any(f"{out}/" in line or f'"{out}' in line for line in refused)
        told = made.returncode == 74 and CODES[error] in made.stderr and str(out) in made.stderr
        seen = whole(out)
        again = bench.run(out, 1)
        if (for_us and not told and not mute) or not seen or ("Traceback" in made.stderr and not mute) or tree(out) != golden:
            bad.append((error, call, number, refused[:1], made.returncode, made.stderr, again.stderr))
        shutil.rmtree(out, ignore_errors=True)
    assert not bad


def refusals(points: Callable[[tuple[str, ...]], list[tuple[str, int]]]) -> list[tuple[str, str, int]]:
    return [(error, call, number) for error, calls in REFUSING.items() for call, number in points(calls)]


def test_f2_refused_by_the_disk_at_any_call(bench: Any, strace: str, points: Any, golden: Any, tree: Any, whole: Any) -> None:
    check_refusals(bench, strace, sample(refusals(points), 8), golden, tree, whole)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_f2_refused_by_the_disk_at_every_call(bench: Any, strace: str, points: Any, golden: Any, tree: Any, whole: Any) -> None:
    check_refusals(bench, strace, refusals(points), golden, tree, whole)


def test_f2_too_many_open_files(bench: Any, golden: Any, tree: Any, whole: Any) -> None:
    out = bench.folder / "out"
    codes = []
    for limit in (5, 8, 11):
        made = bench.run(out, 1, NOFILE=str(limit))
        codes += re.findall("SD[0-9]+", made.stderr) or [made.stderr]
        assert whole(out) and made.returncode in (1, 74), made.stderr
    assert "SD304" in codes
    assert bench.run(out, 1).returncode == 1
    assert tree(out) == golden
