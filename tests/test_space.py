"""What is said of the space that a run needs holds, and does not contradict itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.errors import SepdiarError
from sepdiar.run import process
from sepdiar.space import space_needed

MEGABYTE = 1_000_000


@pytest.fixture
def two_hours(tmp_path: Path, encode: Callable[..., Path]) -> Path:
    """112 MB of FLAC that say they are two hours at 16 kHz."""
    made = encode(tmp_path / "long.flac", np.zeros(16000, np.float32), 16000)
    content = bytearray(made.read_bytes())
    content[18:26] = (int.from_bytes(content[18:26]) - 16000 + 2 * 3600 * 16000).to_bytes(8)
    made.write_bytes(content)
    os.truncate(made, 112 * MEGABYTE)
    return made


def test_what_lies_on_the_disk_during_the_work_counts(two_hours: Path) -> None:
    """Such a recording was seen to take 1432 MB."""
    assert 1432 * MEGABYTE < space_needed([two_hours], 1) < 2 * 1432 * MEGABYTE


def test_so_many_at_once_as_there_are_workers(two_hours: Path, tmp_path: Path, record: Callable[..., Path]) -> None:
    one = space_needed([two_hours], 2)
    assert space_needed([two_hours] * 3, 1) == one + 2 * 224 * MEGABYTE
    assert space_needed([two_hours] * 3, 2) == 2 * one + 224 * MEGABYTE
    small = record(tmp_path / "small.wav")
    assert 0 < space_needed([small], 1) < 10_000
    (tmp_path / "text.wav").write_text("not audio")
    os.mkfifo(tmp_path / "pipe.wav")
    assert space_needed([tmp_path / "text.wav", tmp_path / "pipe.wav", tmp_path / "missing.wav"], 1) == 0


def test_a_full_disk_never_has_enough_room(tiny: Path, tmp_path: Path, record: Callable[..., Path]) -> None:
    """What is free when the work in progress is gone may be more than what was thought to be needed."""
    record(tmp_path / "in" / "full.wav")
    with pytest.raises(SepdiarError, match="SD301") as full:
        process([tmp_path / "in"], tmp_path / "out", recipe=tiny, workers=1)
    needed, free = map(float, re.findall(r"([0-9.]+) MB", full.value.what))
    assert needed >= free and "more than" in full.value.what


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["embedded", "separate-all"])
def test_the_chain_takes_no_more_than_was_said(recipe: str, podcasts: Path, tmp_path: Path) -> None:
    sounds = [soundfile.read(podcasts / f"{name}.flac", dtype="int16") for name in ("bread", "lighthouse")]
    long = tmp_path / "long.flac"
    soundfile.write(long, np.concatenate([samples for samples, _ in sounds]), sounds[0][1])
    out = tmp_path / "out"
    line = [sys.executable, "-m", "sepdiar", "process", str(long), "--out", str(out), "--recipe", recipe, "--workers", "1"]
    line += ["--recognizer", "none"] if recipe == "separate-all" else []
    peak = 0
    with subprocess.Popen(line, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None:
            peak = max(peak, sum(map(blocks, out.rglob("*"))))
            time.sleep(0.05)
    assert run.returncode == 0
    assert space_needed([long], 1) / 4 < peak < space_needed([long], 1)


def blocks(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512 if path.is_file() else 0
    except OSError:
        return 0
