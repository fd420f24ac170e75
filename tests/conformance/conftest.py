"""What the conformance tests share: a small corpus, the run that it should give, and faults injected by strace."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

collect_ignore = ["fuzz.py"]  # which needs atheris

_of_models = importlib.util.spec_from_file_location(
    "tests_models_conftest", Path(__file__).parent.parent / "models" / "conftest.py"
)
assert _of_models and _of_models.loader
_hub = importlib.util.module_from_spec(_of_models)
sys.modules[_of_models.name] = _hub  # dataclasses look for it there
_of_models.loader.exec_module(_hub)
hub, home, publish = _hub.hub, _hub.home, _hub.publish  # the same small hub that pulling is tested with

SCRIPT = """
import os, resource, sys
from sepdiar.errors import SepdiarError
from sepdiar.run import process
from tiny_stages import traced
for limit in ("NOFILE", "FSIZE"):
    if limit in os.environ:
        resource.setrlimit(getattr(resource, f"RLIMIT_{limit}"), (int(os.environ[limit]),) * 2)
traced("parent")
try:
    made = process(sys.argv[4:], sys.argv[1], recipe=sys.argv[2], workers=int(sys.argv[3]))
except SepdiarError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit)
sys.exit(made.exit_code)
"""


@dataclass(frozen=True)
class Bench:
    """A corpus, a recipe, and a fresh place for each run."""

    folder: Path
    recipe: Path
    corpus: Path

    def command(self, out: Path, workers: int = 1, inputs: tuple[Path, ...] = ()) -> list[str]:
        """What starts a run in a process of its own."""
        return [sys.executable, "-c", SCRIPT, str(out), str(self.recipe), str(workers), *map(str, inputs or (self.corpus,))]

    def environment(self, **more: str) -> dict[str, str]:
        """Where the test's stage is found; nothing is written beside the sources."""
        return {**os.environ, "PYTHONPATH": str(self.recipe.parent), "PYTHONDONTWRITEBYTECODE": "1", **more}

    def run(self, out: Path, workers: int = 1, before: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[str]:
        """A run to its end, `before` being what stands in front of the command."""
        command = [*before, *self.command(out, workers)]
        return subprocess.run(command, env=self.environment(**more), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(autouse=True)
def _suite(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Tells the report which suite a test is of."""
    record_property("suite", "slow" if request.node.get_closest_marker("slow") else "fast")


def _bench(folder: Path, plugin: Path, record: Callable[..., Path]) -> Bench:
    """Three that go well, one damaged, one twice, one that is empty."""
    corpus = folder / "in"
    for name in ("a", "b", "c", "damaged"):
        record(corpus / f"{name}.wav")
    shutil.copy(corpus / "a.wav", corpus / "again.wav")
    (corpus / "empty.wav").touch()
    return Bench(folder, plugin / "copy.toml", corpus)


@pytest.fixture
def bench(_plugin: Path, tmp_path: Path, record: Callable[..., Path]) -> Bench:
    """A corpus of six that a test may change."""
    return _bench(tmp_path, _plugin, record)


@pytest.fixture(scope="session")
def still(_plugin: Path, tmp_path_factory: pytest.TempPathFactory, record: Callable[..., Path]) -> Bench:
    """The same corpus, which nobody changes."""
    return _bench(tmp_path_factory.mktemp("still"), _plugin, record)


@pytest.fixture(scope="session")
def golden(still: Bench, tree: Callable[[Path], dict[str, bytes]]) -> dict[str, bytes]:
    """What a run over the corpus gives where nothing goes wrong."""
    made = still.run(still.folder / "golden")
    assert made.returncode == 1, made.stderr
    found = tree(still.folder / "golden")
    assert sum(name.endswith("SUMS") for name in found) == 3 and sum(name.startswith("failures/") for name in found) == 3
    return found


@pytest.fixture(scope="session")
def strace() -> str:
    """strace, where it is there and may trace."""
    path = shutil.which("strace")
    if not path:
        pytest.skip("needs strace")
    if subprocess.run([path, "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    return path


def whole(run: Path) -> bool:
    """Whether every item that can be seen is complete."""
    return all(_matches(item) for item in (run / "items").glob("*"))


def _matches(item: Path) -> bool:
    if not (item / "SUMS").is_file():
        return False
    lines = [line.split("  ") for line in (item / "SUMS").read_text().splitlines()]
    return len(lines) == 2 and all(hashlib.sha256((item / name).read_bytes()).hexdigest() == digest for digest, name in lines)


@pytest.fixture(name="whole")
def _whole() -> Callable[[Path], bool]:
    return whole
