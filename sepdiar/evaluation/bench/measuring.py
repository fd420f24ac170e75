"""Cells, each measured in a fresh process, on dialogues that are simulated when they are first needed."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from sepdiar.errors import SepdiarError
from sepdiar.evaluation import machine
from sepdiar.evaluation.bench.order import Cell, Order
from sepdiar.identity import OURS, code_sha256
from sepdiar.simulation import simulate
from sepdiar.testing import voices

RATE, OVERLAP, SEED = 16_000, 0.15, 0
NEITHER = " min were not: "
Ordered = TypeVar("Ordered", bound=Order)


class Bench(ABC, Generic[Ordered]):
    """Measures cells within the limits that are asked for; what it makes for them is left in `scratch`."""

    def __init__(self, asked: Namespace, scratch: Path) -> None:
        self.asked, self.scratch = asked, scratch

    def measure(self, order: Ordered, shorter: Sequence[Mapping[str, Any]]) -> Cell:
        """The figures of a cell, or why there are none; `shorter` are those of the same order with fewer minutes."""
        known = machine.facts(["torch"] if find_spec("torch") else [])
        packages = "".join(f", {name} {number}" for name, number in known["packages"].items())
        on = f"{known['date']}, {known['processor']}, {known['cores']} cores, {known['memory_gib']} GiB{packages}"
        told = {
            "on": on,
            "code": code_sha256(OURS, whole=True),
            "load": known["load"],
            "within": self.asked.within,
            "memory": self.asked.memory,
        }
        if reason := beyond(order.minutes, shorter, self.asked.within):
            return {**order.facts(), **told, "not_run": reason}
        try:
            return {**order.facts(), **told, **self.measured(order)}
        except SepdiarError as error:
            return {**order.facts(), **told, "within": 0, "memory": 0, "not_run": "; ".join(filter(None, _parts(error)))}

    @abstractmethod
    def measured(self, order: Ordered) -> Cell:
        """The figures of a cell, or `not_run`; a SepdiarError is one that will be tried again whatever the limits."""

    def ran(self, program: Sequence[str], order: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Cell:
        """What a fresh process tells that does the order; `not_run` where it has a reason, or takes too long."""
        within = 60 * self.asked.within
        try:
            cost = machine.measured([*program, json.dumps(order)], environ, within)
        except OSError as error:
            raise SepdiarError("SD250", f"{program[0]} cannot be started: {error.strerror}") from error
        told = [event for event in cost.events if event["kind"] != "stderr"]
        found = {key: value for event in told for key, value in event.items() if key != "kind"}
        if cost.code < 0 and cost.seconds > within:
            return {"not_run": f"ended after {self.asked.within:g} min"}
        if "reason" in found:
            return {"not_run": found["reason"]}
        if cost.code:
            words = " ".join(str(event.get("message", "")) for event in cost.told("stderr"))
            raise SepdiarError("SD901", f"{order['way']}: exit {cost.code}: {words[-300:]}")
        return found

    def talk(self, minutes: float) -> Path:
        """The folder of a simulated dialogue of two: mixture.flac, and conversation.json with its true turns."""
        folder = self.scratch / f"{minutes:g}"
        made = folder / "dialogue-0000"
        if not made.is_dir():
            speech = self.asked.speech or self.scratch / "speech" / "manifest.tsv"
            if not speech.is_file():
                voices(speech.parent, speakers=6, utterances=20)
            simulate(speech, folder, seconds=60 * minutes, overlap=OVERLAP, seed=SEED, rate=RATE)
        return made


def beyond(minutes: float, shorter: Sequence[Mapping[str, Any]], within: float) -> str:
    """Why a cell is not tried, going by the longest of the shorter ones; at least as long a minute is assumed."""
    if not shorter:
        return ""
    last = max(shorter, key=lambda cell: float(cell["minutes"]))
    if "seconds" not in last:
        return f"{last['minutes']:g}{NEITHER}{last['not_run'].rpartition(NEITHER)[2]}"
    pace = last["seconds"] / 60 * minutes / last["minutes"]
    return f"at {last['minutes']:g} min's pace {pace:.0f} min, more than {within:g}" if pace > within else ""


def _parts(error: SepdiarError) -> tuple[str, str]:
    return error.what or str(error), error.hint
