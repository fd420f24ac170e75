"""F3: a run of real recordings is killed or asked to end at random moments; the same command again gives the same bytes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sepdiar.run import process

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="other systems end processes otherwise"),
    pytest.mark.xdist_group("F3 real chain"),  # what they share takes as long as one of them
]

SETTINGS: dict[str, Any] = {"recipe": "masking", "recognizer": "none"}
ENDS_WITHIN = 10.0


@dataclass(frozen=True)
class Undisturbed:
    """A corpus, what a run over it gives, and how long that takes once it has begun."""

    corpus: Path
    tree: dict[str, bytes]
    seconds: float


def started(corpus: Path, out: Path, said: Any) -> subprocess.Popen[bytes]:
    """The command of users, once it works."""
    command = [sys.executable, "-m", "sepdiar", "process", str(corpus), "--out", str(out), "--workers", "2"]
    run = subprocess.Popen([*command, "--recipe", "masking", "--recognizer", "none"], stdout=said, stderr=said)
    log = out / "events.log"
    while run.poll() is None and not (log.exists() and b"run.started" in log.read_bytes()):
        time.sleep(0.005)
    return run


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, podcasts: Path, tree: Callable[[Path], Any]) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    corpus = folder / "in"
    corpus.mkdir()
    for name in ("bread", "lighthouse"):
        shutil.copy(podcasts / f"{name}.flac", corpus)
    (corpus / "cut.flac").write_bytes((podcasts / "bread.flac").read_bytes()[:100_000])
    with (folder / "said").open("wb") as said:
        run = started(corpus, folder / "out", said)
        began = time.monotonic()
        assert run.wait() == 1, (folder / "said").read_text()
    return Undisturbed(corpus, tree(folder / "out"), time.monotonic() - began)


def disturb(number: int, seed: int, undisturbed: Undisturbed, folder: Path, tree: Any) -> bool:
    """One run that gets a signal after a random time, and the one after it; whether the signal came in time."""
    out, words = folder / "out", folder / "said"
    with words.open("wb") as said:
        run = started(undisturbed.corpus, out, said)
        time.sleep(random.Random(seed).uniform(0.0, 0.9 * undisturbed.seconds))
        run.send_signal(number)
        began = time.monotonic()
        code = run.wait()
    in_time = code not in (0, 1)
    if in_time and number == signal.SIGKILL:
        assert code == -signal.SIGKILL
    elif in_time:
        assert time.monotonic() - began < ENDS_WITHIN
        assert code == 130 and "3 recordings" in words.read_text(), (code, words.read_text())
        assert not list((out / "tmp").iterdir())
    process([undisturbed.corpus], out, workers=2, **SETTINGS)
    assert tree(out) == undisturbed.tree
    shutil.rmtree(out)
    return in_time


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_f3_a_real_run_at_a_random_moment(
    number: int, undisturbed: Undisturbed, tmp_path: Path, tree: Any, record_property: Any
) -> None:
    record_property("cases", int(disturb(number, 1, undisturbed, tmp_path, tree)))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("number", "times"), [(signal.SIGKILL, 200), (signal.SIGTERM, 50), (signal.SIGINT, 50)])
def test_f3_a_real_run_at_many_random_moments(
    number: int, times: int, undisturbed: Undisturbed, tmp_path: Path, tree: Any, record_property: Any
) -> None:
    hit = seed = 0
    while hit < times:
        hit += disturb(number, seed, undisturbed, tmp_path, tree)
        seed += 1
        assert hit >= seed / 2
    record_property("cases", hit)
