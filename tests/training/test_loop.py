"""The loop: what it learns, and that a training that was stopped goes on as if it had not been."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import Generator
from torch import Tensor, nn

from sepdiar.errors import SepdiarError
from sepdiar.training import state
from sepdiar.training.course import Course
from sepdiar.training.loop import Training
from sepdiar.training.task import Batch, Figures


class Halving:
    """Learn to give back half of a vector; some of it is dropped, and a head says the mean."""

    kind = "separator"
    shape: Mapping[str, Any] = {}

    def __init__(self, spoil: int = -1) -> None:
        torch.manual_seed(1)
        self.network = nn.Sequential(nn.Linear(32, 32), nn.LayerNorm(32), nn.Dropout(0.1), nn.Linear(32, 32))
        self.heads = nn.Linear(32, 1)
        self.drawn: list[int] = []
        self._spoil = spoil
        self._steps = 0

    def batch(self, rng: Generator) -> Batch:
        return (rng.standard_normal((16, 32), np.float32),)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Figures]:
        values = torch.as_tensor(batch[0])
        made = network(values)
        error = (made.float() - values / 2).square().mean()
        head = (self.heads(made).float()[:, 0] - values.mean(1)).square().mean()
        self._steps += 1
        spoilt = self._spoil in (0, self._steps)
        return (error + head) * (float("nan") if spoilt else 1.0), {"error": error.detach()}

    def evaluate(self, network: nn.Module) -> Figures:
        values = torch.from_numpy(np.random.default_rng(9).standard_normal((64, 32), np.float32))
        return {"closeness": -float((network(values) - values / 2).square().mean())}


def training(out: Path, task: Halving | None = None, identity: Mapping[str, str] | None = None, **changes: Any) -> Training:
    out.mkdir(exist_ok=True)
    course = Course(
        **{"steps": 40, "warmup": 5, "evaluate_every": 10, "log_every": 10, "rate": 5e-3, "muon_rate": 5e-3, **changes}
    )
    return Training(task or Halving(), course, out, identity or {"task": "halving"})


class After(Event):
    """Set after it was looked at some times: a signal that comes between two steps."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0


def same(one: Any, other: Any) -> bool:
    """Bit for bit, in tensors, lists and mappings."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize(("optimizer", "precision"), [("muon", "bf16"), ("muon", "fp32"), ("adamw", "auto")])
def test_a_training_that_was_stopped_ends_in_the_same_state(tmp_path: Path, optimizer: str, precision: str) -> None:
    ways = {"optimizer": optimizer, "precision": precision}
    assert training(tmp_path / "whole", **ways).run()
    for looks in (7, 20, 99):
        finished = training(tmp_path / "parts", **ways).run(After(looks))
    assert finished
    whole, parts = (state.load(tmp_path / name) for name in ("whole", "parts"))
    assert whole and parts
    for key in ("network", "heads", "average", "optimizers", "figures"):
        assert same(whole[key], parts[key]), key
    rows = [
        [{**row, "seconds": ""} for row in csv.DictReader((tmp_path / name / "log.csv").open())] for name in ("whole", "parts")
    ]
    assert rows[0] == rows[1] and len(rows[0]) == 4
    for name in ("best.safetensors", "last.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_the_loss_falls_and_is_logged(tmp_path: Path, precision: str) -> None:
    training(tmp_path, steps=200, precision=precision).run()
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [int(row["step"]) for row in rows] == list(range(10, 201, 10))
    assert float(rows[-1]["error"]) < 0.3 * float(rows[0]["error"])
    assert float(rows[-1]["rate"]) < 1e-3
    assert [int(row["step"]) for row in csv.DictReader((tmp_path / "dev.csv").open())] == list(range(10, 201, 10))


def test_a_training_goes_on_in_another_precision(tmp_path: Path) -> None:
    training(tmp_path, precision="bf16").run(After(20))
    made = training(tmp_path, precision="fp32")
    assert 0 < made.step < 40 and made.run() and made.skipped == 0


def test_a_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    training(tmp_path, identity={"task": "halving", "mixing.room": "1"}).run(After(3))
    with pytest.raises(SepdiarError, match=r"not the same: mixing\.room") as refused:
        training(tmp_path, identity={"task": "halving", "mixing.room": "2"})
    assert refused.value.code == "SD205"


def test_more_steps_are_welcome_until_the_rate_falls(tmp_path: Path) -> None:
    training(tmp_path / "early").run(After(10))
    assert training(tmp_path / "early", steps=60).run()
    training(tmp_path / "whole", steps=60).run()
    early, whole = (state.load(tmp_path / name) for name in ("early", "whole"))
    assert early and whole and same(early["network"], whole["network"])
    training(tmp_path / "late").run(After(35))
    with pytest.raises(SepdiarError, match=r"not the same: training\.steps"):
        training(tmp_path / "late", steps=60)


def test_a_step_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    made = training(tmp_path, Halving(spoil=4))
    assert made.run() and made.skipped == 1
    assert all(torch.isfinite(value).all() for value in made.network.state_dict().values())


def test_a_training_without_a_finite_step_ends(tmp_path: Path) -> None:
    with pytest.raises(SepdiarError) as hopeless:
        training(tmp_path, Halving(spoil=0), steps=500).run()
    assert hopeless.value.code == "SD701"


def test_processes_draw_the_same_batches(tmp_path: Path) -> None:
    training(tmp_path / "thread", steps=5).run()
    training(tmp_path / "processes", steps=5, workers=2).run()
    thread, processes = (state.load(tmp_path / name) for name in ("thread", "processes"))
    assert thread and processes and same(thread["network"], processes["network"])


def test_rows_behind_the_state_are_forgotten(tmp_path: Path) -> None:
    table = state.Table(tmp_path / "log.csv", 0)
    for step in (1, 2, 3):
        table.add({"step": step, "loss": 0.5})
    state.Table(tmp_path / "log.csv", 2).add({"step": 3, "loss": 0.25})
    assert (tmp_path / "log.csv").read_text() == "step,loss\n1,0.5\n2,0.5\n3,0.25\n"


def test_a_broken_state_is_named(tmp_path: Path) -> None:
    (tmp_path / state.STATE).write_bytes(b"no state")
    with pytest.raises(SepdiarError, match=r"state\.pt"):
        training(tmp_path)


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(tmp_path: Path) -> None:
    for name, compiled in (("plain", False), ("compiled", True)):
        training(tmp_path / name, compile=compiled, precision="fp32", steps=20, optimizer="adamw").run()
    plain, made = (state.load(tmp_path / name) for name in ("plain", "compiled"))
    assert plain and made and plain["network"].keys() == made["network"].keys()
    assert abs(plain["figures"]["closeness"] - made["figures"]["closeness"]) < 0.05
