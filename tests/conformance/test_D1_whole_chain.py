"""D1 on the chain that users run, words and all: in another world, in another order, killed and continued, the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import soundfile

from sepdiar.run import verify

WORLDS: dict[str, dict[str, Any]] = {
    "again": {},
    "another order": {"turned": True},
    "two workers": {"workers": 2},
    "another hash seed": {"environment": {"PYTHONHASHSEED": "12345"}},
    "another locale and time zone": {"environment": {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONUTF8": "0"}},
    "another umask and directory": {"umask": 0o077, "elsewhere": True},
    "killed and continued": {"kills": 4, "workers": 2},
}
EVERYTHING: dict[str, Any] = {
    "turned": True,
    "workers": 2,
    "environment": {"PYTHONHASHSEED": "12345", "LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONUTF8": "0"},
    "umask": 0o077,
    "elsewhere": True,
    "kills": 1,
}


def corpus(podcasts: Path, place: Path, names: Sequence[str], seconds: float | None = None) -> list[Path]:
    """Two folders with podcasts, or their beginnings; one of these is in both, and one is cut in the middle."""
    folders = [place / "first", place / "second"]
    for folder in folders:
        folder.mkdir(parents=True)
    for name in names:
        if seconds is None:
            shutil.copy(podcasts / name, folders[0])
        else:
            sound, rate = soundfile.read(podcasts / name, dtype="int16", frames=int(seconds * 16_000))
            soundfile.write(folders[0] / name, sound, rate)
    shutil.copy(folders[0] / names[0], folders[1] / "crumbs.flac")
    whole = (folders[0] / names[0]).read_bytes()
    (folders[1] / "cut.flac").write_bytes(whole[: len(whole) // 2])
    return folders


def run(folders: Sequence[Path], out: Path, recipe: str, world: dict[str, Any]) -> Path:
    """The command in a world of its own, perhaps killed on its way; where its output lies."""
    given = list(folders)[::-1] if world.get("turned") else list(folders)
    cwd = Path.cwd()
    if world.get("elsewhere"):
        cwd = folders[0].parent
        given = [folder.relative_to(cwd) for folder in given]
    command = [sys.executable, "-m", "sepdiar", "process", *map(str, given), "--out", str(out), "--recipe", recipe]
    command += ["--workers", str(world.get("workers", 1))]
    environment = {**os.environ, **world.get("environment", {})}
    start: dict[str, Any] = {"env": environment, "cwd": cwd, "umask": world.get("umask", -1), "stderr": subprocess.PIPE}
    for kill in range(world.get("kills", 0)):
        started = subprocess.Popen(command, **start)
        while started.poll() is None and not (out.exists() and _transcribing(out)):
            time.sleep(0.02)
        time.sleep(0.5 * kill)
        os.kill(started.pid, signal.SIGKILL)
        assert started.wait() in (-signal.SIGKILL, 1)
        started.communicate()
    ended = subprocess.run(command, **start, check=False)
    assert ended.returncode == 1, ended.stderr  # one file is cut
    return out


def _transcribing(out: Path) -> bool:
    return b'"stage": "transcribe"' in (out / "events.log").read_bytes() if (out / "events.log").exists() else False


def words(tree: dict[str, bytes]) -> int:
    return sum(data.count(b'"SPEAKER_MAIN"') for name, data in tree.items() if name.endswith("dialogue-000.json"))


def test_d1_words_and_all_in_a_world_where_everything_differs(podcasts: Path, tmp_path: Path, tree: Any) -> None:
    folders = corpus(podcasts, tmp_path / "in", ["bread.flac"], seconds=14)
    golden = tree(run(folders, tmp_path / "golden", "embedded", {}))
    assert words(golden) >= 5
    assert tree(run(folders, tmp_path / "out", "embedded", EVERYTHING)) == golden
    assert not verify(tmp_path / "out").faults


@pytest.fixture(scope="module", params=["embedded", "masking"])
def chain(request: pytest.FixtureRequest, podcasts: Path, tmp_path_factory: pytest.TempPathFactory, tree: Any) -> Any:
    """A recipe, whole podcasts, and what it makes of them."""
    place = tmp_path_factory.mktemp(request.param)
    folders = corpus(podcasts, place / "in", ["bread.flac", "stars.opus"])
    return request.param, folders, tree(run(folders, place / "golden", request.param, {}))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("world", WORLDS)
def test_d1_the_whole_chain_in_another_world(world: str, chain: Any, tmp_path: Path, tree: Any) -> None:
    recipe, folders, golden = chain
    assert words(golden) >= 20
    assert tree(run(folders, tmp_path / "out", recipe, WORLDS[world])) == golden
    assert not verify(tmp_path / "out").faults
