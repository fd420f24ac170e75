"""F3, F10, F11: signals, dead workers, hangs; nothing is left running, and the same command again gives the same bytes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sepdiar.audio.decode import decode
from sepdiar.errors import SepdiarError
from sepdiar.run import process

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


def deaths(out: Path) -> int:
    """How many workers died under a run, as the run itself has noticed."""
    return (out / "events.log").read_text().count("a worker died: killed by SIGKILL")


def kill_workers(bench: Any, out: Path, seed: int, workers: int) -> int:
    """A run during which one worker or another is killed twice; how many deaths it saw, and survived."""
    chance = random.Random(seed)
    run = started(bench, out, workers)
    for _ in range(2):  # a third could hit the same recording, and that would be given up
        assert eventually(lambda: run.poll() is not None or working(out))
        time.sleep(chance.uniform(0.0, 0.4))
        if found := [child for child in children(run.pid) if children(child)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(found), signal.SIGKILL)
    assert run.wait(timeout=60) == 1, run.communicate()[1]
    return deaths(out)


@pytest.mark.parametrize("seed", range(2))
def test_f10_killed_workers_cost_nothing(seed: int, slow: Any, tree: Any, record_property: Any) -> None:
    assert slow.run(slow.folder / "undisturbed", 2).returncode == 1
    killed = kill_workers(slow, slow.folder / "out", seed, 2)
    record_property("cases", killed)
    assert 1 <= killed <= 2
    assert tree(slow.folder / "out") == tree(slow.folder / "undisturbed")


def test_f10_a_worker_that_died_before_does_not_show_in_a_failure(bench: Any, tiny: Path, tree: Any, record: Any) -> None:
    """The stage kills its process where it meets this recording for the first time, and then refuses it."""
    record(bench.corpus / "once-damaged.wav")
    for out in ("disturbed", "undisturbed"):
        process([bench.corpus], bench.folder / out, recipe=tiny, workers=1)
    assert (deaths(bench.folder / "disturbed"), deaths(bench.folder / "undisturbed")) == (1, 0)
    assert tree(bench.folder / "disturbed") == tree(bench.folder / "undisturbed")


def test_f10_control_where_nobody_kills_no_death_is_counted(slow: Any) -> None:
    assert slow.run(slow.folder / "undisturbed", 2).returncode == 1
    assert deaths(slow.folder / "undisturbed") == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_f10_a_hundred_killed_workers(workers: int, slow: Any, tree: Any, record_property: Any) -> None:
    assert slow.run(slow.folder / "undisturbed", 2).returncode == 1
    killed, seed = 0, 0
    while killed < 100:
        now = kill_workers(slow, slow.folder / "out", seed, workers)
        assert now, seed
        assert tree(slow.folder / "out") == tree(slow.folder / "undisturbed"), seed
        shutil.rmtree(slow.folder / "out")
        killed, seed = killed + now, seed + 1
    record_property("cases", killed)


@pytest.mark.parametrize("workers", [1, 2])
def test_f10_poison_is_given_up_and_its_neighbours_are_done(
    workers: int, bench: Any, tiny: Path, golden: Any, record: Callable[..., Path], record_property: Any
) -> None:
    poison = ("killed", "segfault", "exits", "memory")
    for name in poison:
        record(bench.corpus / f"{name}.wav")
    out = bench.folder / "out"
    made = process([bench.corpus], out, recipe=tiny, workers=workers)
    assert made.failures["SD902"] == len(poison)
    attempts = {path.name.partition("-")[0]: json.loads(path.read_text())["attempts"] for path in out.glob("failures/*.json")}
    assert {name: attempts[name] for name in poison} == dict.fromkeys(poison, 3)
    items = {name: data for name, data in golden.items() if name.startswith("items/")}
    assert items == {path.relative_to(out).as_posix(): path.read_bytes() for path in out.glob("items/*/*")}
    record_property("cases", len(poison))


@pytest.mark.parametrize("word", ["hangs", "holds"])
def test_f11_a_stage_that_hangs_is_ended_with_all_that_it_started(
    word: str, bench: Any, tiny: Path, golden: Any, record: Callable[..., Path]
) -> None:
    """One ignores SIGTERM and has a child; one holds the interpreter's lock."""
    path = record(bench.corpus / f"{word}.wav")
    began = time.monotonic()
    made = process([bench.corpus], bench.folder / "out", recipe=tiny, workers=2, timeout=3)
    assert time.monotonic() - began < 3 + 10
    assert made.failures["SD140"] == 1 and made.done == 3
    pids = map(int, path.with_suffix(".pid").read_text().split()) if word == "hangs" else ()
    assert eventually(lambda: not any(map(alive, pids)), 2)


def test_f11_a_decoder_that_sleeps_is_ended(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sepdiar.audio.decode.COMMAND", (sys.executable, "-c", "import time; time.sleep(1000)"))
    began = time.monotonic()
    with pytest.raises(SepdiarError, match="SD140"):
        decode(bench.corpus / "a.wav", bench.folder / "samples", timeout_seconds=0.5)
    assert time.monotonic() - began < 10
    assert not [child for child in children(os.getpid()) if b"sleep(1000)" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_f11_nothing_waits_for_a_pipe(bench: Any, tree: Any) -> None:
    os.mkfifo(bench.corpus / "pipe.wav")
    out = bench.folder / "out"
    made = bench.run(out)
    assert made.returncode == 1, made.stderr
    assert any(name.startswith("failures/pipe-") and b"SD102" in data for name, data in tree(out).items())
