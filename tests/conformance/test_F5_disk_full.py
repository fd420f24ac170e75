"""F5: a disk that is really full, and a limit on the size of files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = 4096
MORE_LIMITS = [pytest.param(limit, marks=pytest.mark.slow) for limit in range(50, 2000, 100)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB in memory, which needs the right to mount."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("pages", [0, 4, 8, 12])
def test_f5_a_full_disk_ends_the_run_and_more_space_continues_it(
    pages: int, bench: Any, golden: Any, tree: Any, whole: Any, small_disk: Path
) -> None:
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes((4 << 20) - PAGE * (pages + 1)))
    out = small_disk / "out"
    made = bench.run(out)
    assert made.returncode == 74 and "SD301 no space left" in made.stderr
    assert str(out) in made.stderr and ("MB may be needed" in made.stderr or pages < 12)
    assert whole(out)
    ballast.unlink()
    assert bench.run(out).returncode == 1
    assert tree(out) == golden


@pytest.mark.slow
@pytest.mark.parametrize("pages", range(0, 60, 2))
def test_f5_disks_of_many_sizes(pages: int, bench: Any, golden: Any, tree: Any, whole: Any, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes((4 << 20) - PAGE * (pages + 1)))
    out = small_disk / "out"
    made = bench.run(out)
    assert (made.returncode == 74 and "SD301" in made.stderr) or made.returncode == 1
    assert whole(out) and "Traceback" not in made.stderr
    ballast.unlink()
    assert bench.run(out).returncode == 1
    assert tree(out) == golden


@pytest.mark.parametrize("limit", [100, 700, 1500, *MORE_LIMITS])
def test_f5_a_limit_on_the_size_of_files(limit: int, bench: Any, golden: Any, tree: Any, whole: Any) -> None:
    out = bench.folder / "out"
    made = bench.run(out, FSIZE=str(limit))
    assert made.returncode == 74 and "SD301" in made.stderr, made.stderr
    assert whole(out)
    assert bench.run(out).returncode == 1
    assert tree(out) == golden


def test_f5_a_recording_that_does_not_fit_is_not_blamed(bench: Any, small_disk: Path, record: Callable[..., Path]) -> None:
    long = record(bench.folder / "long" / "long.wav", samples=1_200_000)
    out = small_disk / "out"
    made = subprocess.run(
        [sys.executable, "-m", "sepdiar", "process", str(long), "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 74, made.stderr
    said = next(line for line in made.stderr.splitlines() if line.startswith("SD301 no space left"))
    assert str(out) in said and "MB may be needed" in said and "long.wav" not in said
