"""F1, F2: killed, or refused by the disk, at every call that changes something; the same command again gives the same bytes.

The process that conducts the run is hit, or a worker. A point is the n-th call of its kind in one of them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sepdiar.run import process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")

CHANGING = ("openat", "write", "pwrite64", "rename", "mkdir", "fsync", "rmdir", "unlink", "unlinkat", "ftruncate")
ADDING = ("openat", "write", "pwrite64", "rename", "mkdir", "fsync")
REFUSING = {"ENOSPC": ADDING, "EDQUOT": ADDING, "EIO": CHANGING, "EMFILE": ("openat",)}
CODES = {"ENOSPC": "SD301", "EIO": "SD302", "EDQUOT": "SD303", "EMFILE": "SD304"}
SAMPLE, SHARES = 60, 6
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


class Point(NamedTuple):
    who: str
    call: str
    number: int
    creates: bool


class Fault(NamedTuple):
    """`how` is the name of an error, or KILL."""

    how: str
    point: Point


@pytest.fixture(scope="module")
def points(strace: str, still: Any) -> list[Point]:
    """Every call that could matter, of the parent and of its worker."""
    orders = still.folder / "count"
    logs = {who: order(orders, strace, who, CHANGING) for who in ("parent", "worker")}
    made = still.run(still.folder / "counted", 1, STRACE_ORDERS=str(orders))
    assert made.returncode == 1, made.stderr
    found = []
    for who, log in logs.items():
        seen: Counter[str] = Counter()
        for line in log.read_text(errors="replace").splitlines():
            call = line.partition("(")[0]
            if not call.isidentifier():
                continue  # a signal, or the end
            seen[call] += 1
            if call != "openat" or str(still.folder) in line:
                found.append(Point(who, call, seen[call], "O_CREAT" in line))
    return found


def order(folder: Path, strace: str, who: str, calls: Sequence[str], *more: str) -> Path:
    """Leave the order to watch one of the processes, and say where its log will be."""
    folder.mkdir(exist_ok=True)
    log = folder / f"{who}.log"
    log.unlink(missing_ok=True)
    (folder / who).write_text(json.dumps([strace, "-qq", "-y", "-o", str(log), "-e", f"trace={','.join(calls)}", *more]))
    return log


def spread(faults: list[Fault], share: int) -> list[Fault]:
    """One share of a sample that is spread evenly over all of them, the first and the last included."""
    return [faults[round(index * (len(faults) - 1) / (SAMPLE - 1))] for index in range(share, SAMPLE, SHARES)]


def faulty_run(bench: Any, strace: str, fault: Fault, out: Path, workers: int) -> tuple[subprocess.CompletedProcess[str], str]:
    """A run with one fault in it, and the line of what was done to it; none where the run had no such call."""
    who, call, number, _ = fault.point
    how = "signal=KILL" if fault.how == "KILL" else f"error={fault.how}"
    log = order(bench.folder / "orders", strace, who, (call,), "-e", f"inject={call}:{how}:when={number}")
    made = bench.run(out, workers, STRACE_ORDERS=str(bench.folder / "orders"))
    seen = log.read_text(errors="replace").splitlines() if log.exists() else []  # the other worker may have done it all
    mark = "killed by SIGKILL" if fault.how == "KILL" else "INJECTED"
    at = next((at for at, line in enumerate(seen) if mark in line), None)
    hit = "" if at is None or (fault.how == "KILL" and sum(call in line for line in seen) < number) else seen[at]
    return made, hit


class Check:
    """Injects faults and collects what went wrong."""

    def __init__(self, bench: Any, strace: str, golden: Any, tree: Any, whole: Any) -> None:
        self.bench, self.strace, self.golden, self.tree, self.whole = bench, strace, golden, tree, whole

    def faults(self, faults: list[Fault], workers: int, record: Callable[[str, object], None]) -> None:
        """Every fault: nothing incomplete can be seen, what matters is told, and a plain rerun has all bytes and no leftovers."""
        hits, bad = 0, []
        for number, fault in enumerate(faults):
            out = self.bench.folder / f"out-{number}"
            made, hit = faulty_run(self.bench, self.strace, fault, out, workers)
            hits += bool(hit)
            wrong = [] if self.whole(out) else ["an incomplete item can be seen"]
            wrong += self.killed(fault, made, hit) if fault.how == "KILL" else self.refused(fault, made, hit, out)
            process([self.bench.corpus], out, recipe=self.bench.recipe, workers=1)
            wrong += [] if self.tree(out) == self.golden else ["other bytes after a rerun"]
            if wrong:
                bad.append((fault, hit, wrong, made.returncode, made.stderr))
            shutil.rmtree(out)
        assert not bad
        record("cases", hits)
        assert hits >= 0.7 * len(faults)  # how many events are written differs a little between runs

    def killed(self, fault: Fault, made: Any, hit: str) -> list[str]:
        """A parent is gone; a worker costs nothing."""
        expected = -9 if hit and fault.point.who == "parent" else 1
        return [] if made.returncode == expected else [f"ended with {made.returncode}, not {expected}"]

    def refused(self, fault: Fault, made: Any, hit: str, out: Path) -> list[str]:
        """What the disk refused is told with its code and its place, or has done no harm."""
        if "write(2<" in hit:
            return []  # then it cannot tell
        told = made.returncode == 74 and CODES[fault.how] in made.stderr and str(out) in made.stderr
        harmless = made.returncode == 1 and (str(out) not in hit or self.tree(out) == self.golden)
        traceback = ["a traceback"] if "Traceback" in made.stderr else []
        return traceback + ([] if told or harmless or (made.returncode == 74 and str(out) not in hit) else ["not told"])


@pytest.fixture
def check(bench: Any, tiny: Path, strace: str, golden: Any, tree: Any, whole: Any) -> Check:
    return Check(bench, strace, golden, tree, whole)


def kills(points: list[Point], *who: str) -> list[Fault]:
    return [Fault("KILL", point) for point in points if point.who in who and (point.call != "openat" or point.creates)]


def refusals(points: list[Point], *who: str) -> list[Fault]:
    chosen = [point for point in points if point.who in who]
    return [
        Fault(error, point)
        for error, calls in REFUSING.items()
        for point in chosen
        if point.call in calls and (point.call != "openat" or point.creates or error in ("EIO", "EMFILE"))
    ]


@pytest.mark.parametrize("share", range(SHARES))
def test_f1_killed_at_any_call(share: int, points: list[Point], check: Check, record_property: Any) -> None:
    check.faults(spread(kills(points, "parent", "worker"), share), 1 + share % 2, record_property)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("who", ["parent", "worker"])
@pytest.mark.parametrize("workers", [1, 2])
def test_f1_killed_at_every_call(workers: int, who: str, points: list[Point], check: Check, record_property: Any) -> None:
    check.faults(kills(points, who), workers, record_property)


def test_f1_control_a_naive_protocol_is_caught(still: Any, strace: str, tmp_path: Path, record_property: Any) -> None:
    """Write into the final folder, skip what exists: the same faults must show that this loses data, or they show nothing."""
    command = [sys.executable, "-S", "-c", NAIVE]
    wrong = 0
    for call, number in [("mkdir", 2), ("mkdir", 3), *(("write", number) for number in range(1, 5))]:
        out = tmp_path / f"naive-{call}-{number}"
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
        for before in ([strace, "-qq", "-o", "/dev/null", *inject], []):
            subprocess.run([*before, *command, str(out), str(still.corpus)], capture_output=True, check=False)
        wrong += any(len(list(item.iterdir())) < 2 or not (item / "about.json").stat().st_size for item in out.iterdir())
    record_property("cases", 6)
    record_property("caught", wrong)
    assert wrong >= 3


@pytest.mark.parametrize("share", range(SHARES))
def test_f2_refused_by_the_disk_at_any_call(share: int, points: list[Point], check: Check, record_property: Any) -> None:
    check.faults(spread(refusals(points, "parent", "worker"), share), 1, record_property)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("error", REFUSING)
@pytest.mark.parametrize("who", ["parent", "worker"])
def test_f2_refused_by_the_disk_at_every_call(
    who: str, error: str, points: list[Point], check: Check, record_property: Any
) -> None:
    check.faults([fault for fault in refusals(points, who) if fault.how == error], 1, record_property)


def test_f2_too_many_open_files(bench: Any, golden: Any, tree: Any, whole: Any, record_property: Any) -> None:
    out = bench.folder / "out"
    codes = []
    for limit in (5, 8, 11):
        made = bench.run(out, 1, NOFILE=str(limit))
        codes += re.findall("SD[0-9]+", made.stderr) or [made.stderr]
        assert whole(out) and made.returncode in (1, 74), made.stderr
    record_property("cases", 3)
    assert "SD304" in codes
    assert bench.run(out, 1).returncode == 1
    assert tree(out) == golden
