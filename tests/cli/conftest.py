"""The command line as a user meets it: a process, its two streams, its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Ran = subprocess.CompletedProcess[str]


@pytest.fixture
def run(tmp_path) -> Callable[..., Ran]:
    """Run `sepdiar` with arguments in an empty folder, its settings free of the environment's."""

    def command(*arguments: object, cwd: Path = tmp_path, **variables: str) -> Ran:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SEPDIAR_")}
        line = [sys.executable, "-m", "sepdiar", *map(str, arguments)]
        return subprocess.run(line, cwd=cwd, env=clean | variables, capture_output=True, text=True, timeout=120, check=False)

    return command
