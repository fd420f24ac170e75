"""D1: the same input and the same configuration give the same bytes, whatever else differs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
