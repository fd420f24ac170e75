"""F3, F10, F11: signals, dead workers, hangs; nothing is left running, and the same command again gives the same bytes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes in /proc")


def started(bench: Any, out: Path, workers: int = 2) -> subprocess.Popen[str]:
    return subprocess.Popen(bench.command(out, workers), env=bench.environment(), stderr=subprocess.PIPE, text=True)


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def eventually(true: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def working(out: Path) -> bool:
    return any(path.name.startswith("slow") for path in (out / "tmp").glob("*"))


@pytest.fixture
def slow(bench: Any, record: Callable[..., Path]) -> Any:
    """Recordings that take half a second each, beside the others."""
    for number in range(4):
        record(bench.corpus / f"slow-{number}.wav")
    return bench


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_f3_a_signal_drains_and_the_rest_follows(number: int, slow: Any, tree: Any, whole: Any) -> None:
    out = slow.folder / "out"
    run = started(slow, out)
    assert eventually(lambda: working(out))
    run.send_signal(number)
    began = time.monotonic()
    assert run.wait(timeout=10) == 130, run.communicate()[1]
    assert time.monotonic() - began < 10
    assert whole(out) and not list((out / "tmp").iterdir())
    assert slow.run(out, 2).returncode == 1
    again = slow.folder / "again"
    assert slow.run(again, 1).returncode == 1
    assert tree(out) == tree(again)


def test_f3_a_second_signal_is_immediate(bench: Any, record: Callable[..., Path]) -> None:
    record(bench.corpus / "0-hangs.wav")
    out = bench.folder / "out"
    run = started(bench, out, 1)
    assert eventually((bench.corpus / "0-hangs.pid").exists)
    run.send_signal(signal.SIGINT)
    time.sleep(0.2)
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=10) == 130
    assert time.monotonic() - began < 2


def test_f10_nothing_outlives_a_run_that_is_killed(bench: Any, record: Callable[..., Path]) -> None:
    mark = record(bench.corpus / "0-hangs.wav").with_suffix(".pid")
    run = started(bench, bench.folder / "out", 1)
    assert eventually(lambda: mark.exists() and mark.read_text())
    pids = list(map(int, mark.read_text().split()))
    assert all(map(alive, pids))
    run.kill()
    run.communicate()
    assert eventually(lambda: not any(map(alive, pids)), 5)


def kill_workers(bench: Any, out: Path, seed: int, workers: int) -> int:
    """A run during which one worker or another is killed now and then."""
    chance = random.Random(seed)
    run = started(bench, out, workers)
    for _ in range(2):  # a third could hit the same recording, and that would be given up
        time.sleep(chance.uniform(0.1, 0.5))
        if found := [child for child in children(run.pid) if children(child)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(found), signal.SIGKILL)
    assert run.wait(timeout=60) == 1, run.communicate()[1]
    return 1


@pytest.mark.parametrize("seed", range(2))
def test_f10_killed_workers_cost_nothing(seed: int, slow: Any, tree: Any) -> None:
    assert slow.run(slow.folder / "undisturbed", 2).returncode == 1
    kill_workers(slow, slow.folder / "out", seed, 2)
    assert tree(slow.folder / "out") == tree(slow.folder / "undisturbed")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_f10_a_hundred_killed_workers(workers: int, slow: Any, tree: Any) -> None:
    assert slow.run(slow.folder / "undisturbed", 2).returncode == 1
    for seed in range(33):
        kill_workers(slow, slow.folder / f"out-{seed}", seed, workers)
        assert tree(slow.folder / f"out-{seed}") == tree(slow.folder / "undisturbed"), seed


def test_f11_nothing_waits_for_a_pipe(bench: Any, tree: Any) -> None:
    os.mkfifo(bench.corpus / "pipe.wav")
    out = bench.folder / "out"
    made = bench.run(out)
    assert made.returncode == 1, made.stderr
    assert any(name.startswith("failures/pipe-") and b"SD102" in data for name, data in tree(out).items())
