"""Each of our models learns on speech made of nothing: the loss falls, by the command that a user types."""

from __future__ import annotations

import csv
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sepdiar.testing import voices
from sepdiar.training.__main__ import main
from sepdiar.training.task import TASKS

RECIPES = {
    "separation": """
        [network]
        width = 64
        depth = 2
        [data]
        audio = 8.0
        lengths = [1.0, 2.0]
        dev_pairs = 3
        [mixing]
        room = 0.0
    """,
    "segmentation": """
        [network]
        width = 64
        depth = 2
        stem = 32
        bands = 40
        [learning]
        batch = 4
        dev = 2
        [windows]
        seconds = 5.0
        room = 0.0
    """,
    "embedding": """
        [network]
        dim = 32
        bands = 40
        picture = 16
        width = 64
        [hearing]
        batch = 16.0
    """,
    "eend": """
        [network]
        width = 32
        depth = 2
        heads = 2
        bands = 24
        [learning]
        batch = 4
        dev = 2
        [windows]
        seconds = 8.0
        room = 0.0
    """,
}
COURSE = """
[training]
steps = {steps}
rate = 2e-3
muon_rate = 2e-3
warmup = 10
average = 0.95
log_every = 15
evaluate_every = {steps}
"""
# of the quick and of the slow test
FALLS = {"separation": (1.0, 4.0), "segmentation": (0.4, 1.0), "embedding": (1.5, 6.0), "eend": (0.15, 0.5)}
STEPS = (60, 600)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voices(tmp_path_factory.mktemp("voices"), speakers=12, utterances=6)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(task: str, steps: int, speech: Path, out: Path, *more: str) -> int:
    recipe = out.with_suffix(".toml")
    lines = [line.strip() for line in RECIPES[task].splitlines()]
    recipe.write_text("\n".join(lines) + COURSE.format(steps=steps))
    with pytest.raises(SystemExit) as ended:
        main([task, str(recipe), "--data", str(speech), "--out", str(out), "--threads", "1", *more])
    return int(ended.value.code or 0)


def fall(out: Path) -> float:
    """From the first 15 steps to the last quarter of all."""
    losses = [float(row["loss"]) for row in csv.DictReader((out / "log.csv").open())]
    last = losses[-max(1, len(losses) // 4) :]
    return losses[0] - sum(last) / len(last)


@pytest.mark.parametrize("task", TASKS)
def test_a_few_steps_teach_something(task: str, speech: Path, tmp_path: Path) -> None:
    assert run(task, STEPS[0], speech, tmp_path / task) == 0
    assert fall(tmp_path / task) > FALLS[task][0]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("task", TASKS)
def test_two_minutes_teach_more(task: str, speech: Path, tmp_path: Path) -> None:
    assert run(task, STEPS[1], speech, tmp_path / task) == 0
    assert fall(tmp_path / task) > FALLS[task][1]
