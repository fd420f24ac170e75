"""D1 and F1 on the chain that users run: killed on its way and continued with other workers, it gives the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sepdiar.run import RunSummary, process, verify

SCRIPT = """
import sys
from sepdiar import process
process([sys.argv[1]], sys.argv[2], recipe=sys.argv[3], recognizer="none", workers=2)
"""


@pytest.fixture
def corpus(podcasts: Path, tmp_path: Path) -> Path:
    """Two of the example podcasts, one of them twice, and one cut in the middle."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("bread.flac", "stars.opus"):
        shutil.copy(podcasts / name, folder)
    shutil.copy(podcasts / "bread.flac", folder / "crumbs.flac")
    whole = (podcasts / "lighthouse.flac").read_bytes()
    (folder / "lighthouse.flac").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.mark.parametrize("recipe", ["embedded", "masking"])
def test_d1_the_whole_chain_killed_and_continued(recipe: str, corpus: Path, tmp_path: Path, tree: Any) -> None:
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    made = process([corpus], undisturbed, recipe=recipe, recognizer="none", workers=1)
    assert isinstance(made, RunSummary)
    assert (made.inputs, made.done, made.failures) == (4, 2, {"SD112": 1, "SD122": 1})
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, str(corpus), str(out), recipe], stderr=subprocess.DEVNULL)
    while run.poll() is None and not list((out / "items").glob("*")):
        time.sleep(0.02)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    process([corpus], out, recipe=recipe, recognizer="none", workers=2)
    assert tree(out) == tree(undisturbed)
    assert verify(out).exit_code == 0
