"""The speed of separators: tiny networks of the real classes through both calls, what is not run and why, and what is kept."""

from __future__ import annotations

import json
from argparse import Namespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from sepdiar import registry
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.bench.order import OURS
from sepdiar.evaluation.bench.table import growth
from sepdiar.evaluation.machine import measured
from sepdiar.evaluation.separators import floor, table, work
from sepdiar.evaluation.separators.__main__ import Bench, main, orders
from sepdiar.evaluation.separators.networks import publish
from sepdiar.evaluation.separators.order import WAYS, WHOLE, WINDOWS, Order
from sepdiar.evaluation.summary import kinds

TINY = {
    "tdanet": {"outer": 8, "width": 16, "depth": 3, "kernel": 16, "passes": 1},
    "mossformer2": {"width": 8, "depth": 1, "kernel": 16},
}


def cell(way: str, minutes: float = 1, **changed: object) -> dict[str, object]:
    order = Order("convtasnet", way, minutes)
    figures = {"seconds": 4.0, "processor": 3.0, "peak_mib": 400.0, "audio": 60 * minutes, "within": 10, "memory": 8}
    return order.facts() | figures | {"asked": "auto", "on": "a machine", "load": 0.1} | changed


def without(found: dict[str, object], reason: str) -> dict[str, object]:
    return {key: value for key, value in found.items() if key != "seconds"} | {"not_run": reason}


def test_ours_and_the_other_call_on_one_dialogue_and_what_is_there_is_not_measured_again(tmp_path, capfd):
    asked = ["--separator", "tdanet", "--minutes", "0.1", "--out", str(tmp_path), "--scratch", str(tmp_path)]
    assert main(asked, TINY) == 0
    found = json.loads((tmp_path / "separators.json").read_text())
    (least,), (ours, theirs) = found["floors"], found["cells"]
    assert (ours["way"], theirs["way"]) == (OURS, WHOLE) and ours["precision"] == "fp32"
    assert all(one["audio"] == 6 and one["seconds"] > 0 and one["peak_mib"] >= one["idle_mib"] > 50 for one in (ours, theirs))
    assert 0 < ours["heard_seconds"] <= 12 and least["operations"] > 1e6
    assert "| tdanet | 0.1 min | cpu | package, whole file (threads 1) |" in (tmp_path / "separators.md").read_text()
    capfd.readouterr()
    assert main(asked, TINY) == 0
    assert json.loads((tmp_path / "separators.json").read_text()) == found and not capfd.readouterr().err
    assert kinds.told("separators", found), "the page of all results knows what is written"


def test_a_call_that_finds_no_memory_or_fails_says_so(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(work, "limit", lambda gib, device: None)
    order = Order("tdanet", WHOLE, 1).facts() | {"memory": 8, "weights": {"path": "x"}, "talk": ""}

    def told(error: Exception) -> str:
        def fails(order: object) -> None:
            raise error

        monkeypatch.setattr(work, "theirs", fails)
        assert work.main([json.dumps(order)]) == 0
        return json.loads(capfd.readouterr().err)["reason"]

    with pytest.raises(RuntimeError) as real:
        torch.empty(1 << 62, dtype=torch.uint8)
    assert told(real.value) == "out of memory (8 GiB)"
    assert told(RuntimeError("The size of tensor a must match\nmore")) == "the call fails: The size of tensor a must match"
    monkeypatch.setattr(work, "ours", lambda order: torch.empty(-1))
    with pytest.raises(RuntimeError):
        work.main([json.dumps(order | {"way": OURS})])


def test_a_process_is_ended_in_time():
    cost = measured(["sleep", "60"], within=0.2)
    assert cost.code < 0 and cost.seconds < 30


def test_a_cell_that_would_take_too_long_is_not_tried(tmp_path):
    bench = Bench(Namespace(within=10, memory=8), tmp_path)
    slow, failed = cell(WHOLE, 1, seconds=120.0), without(cell(WHOLE, 10), "out of memory (8 GiB)")
    order = Order("convtasnet", WHOLE, 60)
    assert bench.measure(order, [slow])["not_run"] == "at 1 min's pace 120 min, more than 10"
    assert bench.measure(order, [slow, failed])["not_run"] == "10 min were not: out of memory (8 GiB)"
    both = [without(cell(WHOLE, 1), "no package"), without(cell(WHOLE, 10), "1 min were not: no package")]
    assert bench.measure(order, both)["not_run"] == "10 min were not: no package", "the reason, once"


def test_a_package_of_another_environment_is_asked_for(tmp_path):
    bench = Bench(Namespace(within=10, memory=8, package_python=None, speech=None), tmp_path, TINY)
    found = bench.measure(Order("mossformer2", WINDOWS, 0), [])
    assert "--package-python" in found["not_run"] and found["within"] == 0


def test_the_ratio_is_of_one_device_and_the_reason_stands_where_a_figure_is_missing():
    rows = [cell(OURS, seconds=2.0, heard_seconds=15.0), cell(WHOLE, seconds=9.0), cell(WINDOWS, seconds=12.0)]
    rows += [cell(OURS, 60, peak_mib=420.0), without(cell(WHOLE, 60), "out of memory (8 GiB)"), cell(WHOLE, device="cuda")]
    shown = table.tables({"cells": rows, "floors": []})
    assert [table.ratio(one, rows) for one in rows] == [None, 4.5, 6.0, None, None, None]
    assert "**does not hold**: convtasnet, 1 min, ours against package, whole file: 4.5 x" in shown
    assert "- holds: convtasnet, 1 min, ours against package, its windows: 6 x" in shown and "| 25 % |" in shown
    assert "not run: out of memory (8 GiB)" in shown and "ours takes 1.05 x the memory at 60 min that it takes at 1" in shown


def test_every_separator_that_is_one_is_measured():
    blind = {name for name in registry.find("separator") if name != "masking"}
    assert set(WAYS) <= blind
    asked = Namespace(separator=["sepformer"], minutes=[10, 1], device="cpu", batch=8, precision="auto", threads=1, context=1.5)
    assert [(one.way, one.minutes) for one in orders(asked)] == [
        (work.FLOOR, 0),
        *((way, minutes) for minutes in (1, 10) for way in (OURS, WHOLE)),
    ]


@pytest.mark.parametrize("name", ["tdanet", "mossformer2"])
def test_the_floor_counts_products_and_traffic(name, tmp_path, monkeypatch):
    monkeypatch.setattr(floor, "SIDE", {"cpu": 64})
    monkeypatch.setattr(floor, "COPIED", {"cpu": 1 << 16})
    made = registry.load("separator", name)(**publish(name, tmp_path, TINY[name]), window=1.0)
    found = floor.of(made, 1, "cpu")
    twice = floor.of(made, 2, "cpu")
    assert found["operations"] > 1e6 and found["bytes"] > 4 * made.rate
    assert 1.5 < twice["operations"] / found["operations"] < 2.5 and twice["at_once"] == 2


def test_operations_and_bytes_of_a_product_are_those_of_the_books(monkeypatch):
    monkeypatch.setattr(floor, "SIDE", {"cpu": 64})
    monkeypatch.setattr(floor, "COPIED", {"cpu": 1 << 16})

    class Product:
        rate, window = 100, 1.0

        def split(self, mixtures):
            return (torch.from_numpy(mixtures).view(1, 10, 10) @ torch.ones(10, 10)).numpy()

    found = floor.of(Product(), 1, "cpu")
    assert found["operations"] == 2 * 10**3 and found["bytes"] >= 3 * 400
    with pytest.raises(SepdiarError, match="SD250"):
        from sepdiar.evaluation.separators import networks

        networks._importable("nothing", "no_such_package_at_all", "pip install it")


def test_random_weights_are_the_same_each_time(tmp_path):
    one, other = (
        registry.load("separator", "tdanet")(**publish("tdanet", tmp_path / str(time), TINY["tdanet"])) for time in range(2)
    )
    noise = np.random.default_rng(0).standard_normal((1, 4000)).astype(np.float32)
    assert (one.split(noise) == other.split(noise)).all()


def test_memory_is_compared_at_one_context() -> None:
    def cell(minutes: float, context: float, peak: float) -> dict[str, object]:
        here = {"separator": "x", "device": "cpu", "way": OURS, "seconds": 1.0}
        return {**here, "minutes": minutes, "context": context, "peak_mib": peak}

    assert list(growth([cell(1, 0.5, 100), cell(1, 1.5, 300)], "separator")) == []
    assert list(growth([cell(1, 0.5, 100), cell(1, 1.5, 300), cell(10, 0.5, 110)], "separator")) == [
        "- x, cpu: ours takes 1.10 x the memory at 10 min that it takes at 1"
    ]
