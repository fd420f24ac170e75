"""How fast separators are, ours beside their packages' calls: `python -m sepdiar.evaluation.separators --out eval/speed`.

Each cell is measured in a fresh process and written at once; what is there is not measured again. A cell that would take longer
than --within, or more than --memory, is written with that reason.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sepdiar.audio.source import FileAudio
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import machine
from sepdiar.evaluation.command import command
from sepdiar.evaluation.separators import package, table, work
from sepdiar.evaluation.separators.networks import publish
from sepdiar.evaluation.separators.order import OURS, WAYS, Order
from sepdiar.evaluation.speed_table import put
from sepdiar.separation.band import brought_to
from sepdiar.simulation import simulate
from sepdiar.testing import voices

OVERLAP, SEED = 0.15, 0
RATES = (8_000, 16_000)
BLOCK = 60  # seconds
Cell = dict[str, Any]


class Bench:
    """Measures cells; recordings and networks are made in `scratch` when they are first needed."""

    def __init__(self, asked: Namespace, scratch: Path, shapes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._asked, self._scratch, self._shapes = asked, scratch, shapes or {}
        self._weights: dict[str, dict[str, Any]] = {}

    def measure(self, order: Order, shorter: Sequence[Mapping[str, Any]]) -> Cell:
        """The figures of a cell, or why there are none; `shorter` are those of the same order with fewer minutes."""
        known = machine.facts(["torch"])
        where = f"{known['processor']}, {known['cores']} cores, {known['memory_gib']} GiB"
        on = f"{known['date']}, {where}, torch {known['packages']['torch']}"
        told = {"on": on, "load": known["load"], "within": self._asked.within, "memory": self._asked.memory}
        if reason := self._beyond(order, shorter):
            return {**order.facts(), **told, "not_run": reason}
        try:
            return {**order.facts(), **told, **self._measured(order)}
        except SepdiarError as error:
            return {**order.facts(), **told, "within": 0, "memory": 0, "not_run": f"{error.what or error}; {error.hint}"}

    def _measured(self, order: Order) -> Cell:
        weights = self._weights.get(order.separator)
        if weights is None:
            weights = publish(order.separator, self._scratch / order.separator, self._shapes.get(order.separator))
            self._weights[order.separator] = weights
        talk = self._talk(order.minutes) if order.minutes else self._scratch
        given = {**order.facts(), "weights": weights, "talk": str(talk), "memory": self._asked.memory}
        program = [sys.executable, "-m", work.__name__]
        if order.separator == "mossformer2" and order.way not in (OURS, work.FLOOR):
            if not self._asked.package_python:
                raise SepdiarError("SD250", "clearvoice has an environment of its own", hint="--package-python PYTHON")
            program = [str(self._asked.package_python), package.__file__]
            given |= {"weights": weights["path"], "mixture": str(talk / "mixture-16000.npy")}
        cost = machine.measured([*program, json.dumps(given)], within=60 * self._asked.within)
        found = {
            key: value for event in cost.events if event["kind"] != "stderr" for key, value in event.items() if key != "kind"
        }
        if cost.code < 0 and cost.seconds > 60 * self._asked.within:
            return {"not_run": f"ended after {self._asked.within:g} min"}
        if "reason" in found:
            return {"not_run": found["reason"]}
        if cost.code or "seconds" not in found:
            words = " ".join(str(event.get("message", "")) for event in cost.told("stderr"))
            raise SepdiarError("SD901", f"{order.separator}, {order.way}: exit {cost.code}: {words[-300:]}")
        return {**found, "audio": 60 * order.minutes}

    def _beyond(self, order: Order, shorter: Sequence[Mapping[str, Any]]) -> str:
        """Why a cell is not tried, going by the longest of the shorter ones; at least as long a minute is assumed."""
        if not shorter:
            return ""
        last = max(shorter, key=lambda cell: float(cell["minutes"]))
        if "seconds" not in last:
            return f"{last['minutes']:g} min were not: {last['not_run']}"
        minutes = last["seconds"] / 60 * order.minutes / last["minutes"]
        return (
            f"at {last['minutes']:g} min's pace {minutes:.0f} min, more than {self._asked.within:g}"
            if minutes > self._asked.within
            else ""
        )

    def _talk(self, minutes: float) -> Path:
        """A dialogue, and its samples at every rate that a network wants."""
        folder = self._scratch / f"{minutes:g}"
        made = folder / "dialogue-0000"
        if not made.is_dir():
            speech = self._asked.speech or self._scratch / "speech" / "manifest.tsv"
            if not speech.is_file():
                voices(speech.parent, speakers=6, utterances=20)
            simulate(speech, folder, seconds=60 * minutes, overlap=OVERLAP, seed=SEED, rate=16_000)
            for rate in RATES:
                _kept(made, rate)
        return made


def orders(asked: Namespace) -> Iterator[Order]:
    """Every cell that is asked for: the floor first, then each length, ours beside the package's ways."""
    for name in asked.separator or WAYS:
        order = Order(name, work.FLOOR, 0, asked.device, asked.batch, asked.precision, asked.threads, asked.context)
        yield order
        for minutes in sorted(asked.minutes):
            yield from (replace(order, way=way, minutes=minutes) for way in (OURS, *WAYS[name]))


@command
def main(arguments: Sequence[str] | None = None, shapes: Mapping[str, Mapping[str, Any]] | None = None) -> int:
    """Measure what is missing, write separators.json and the tables of separators.md below `--out`, and print them.

    `shapes` are of networks that shall not have their published size.
    """
    asked = _asked(arguments)
    place = asked.out / "separators.json"
    asked.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(place.read_text()) if place.is_file() else {"cells": [], "floors": []}
    with TemporaryDirectory(prefix="sepdiar-separators-", dir=asked.scratch) as scratch:
        bench = Bench(asked, Path(scratch), shapes)
        for order in orders(asked):
            rows = results["floors" if order.way == work.FLOOR else "cells"]
            same = [one for one in rows if order.alike(_asked_for(one))]
            here = next((one for one in same if one["minutes"] == order.minutes), None)
            if here and ("seconds" in here or (here["within"] >= asked.within and here["memory"] >= asked.memory)):
                continue
            made = bench.measure(order, [one for one in same if one["minutes"] < order.minutes])
            made["asked"] = order.precision
            rows[:] = sorted([*(one for one in rows if one is not here), made], key=_place)
            place.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
            print(json.dumps(made, sort_keys=True), file=sys.stderr)
    shown = table.tables(results)
    put(shown, asked.out / "separators.md")
    print(shown)
    return 0


def _asked_for(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """A cell with the precision that was asked for; what it has is the one that was chosen."""
    return {**cell, "precision": cell["asked"]}


def _place(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    ways = [work.FLOOR, OURS, *WAYS[cell["separator"]]]
    how = (cell["device"], cell["batch"], cell["asked"], cell["threads"], cell["context"])
    return cell["separator"], *how, cell["minutes"], ways.index(cell["way"])


def _kept(talk: Path, rate: int) -> None:
    """The mixture at a rate, as a package is given it."""
    audio = FileAudio.open(talk / "mixture.flac")
    step = BLOCK * audio.rate
    spans = [Span(start, min(start + step, audio.samples)) for start in range(0, audio.samples, step)]
    blocks = [brought_to(audio.read(span)[:, 0], audio.rate, rate, round(len(span) * rate / audio.rate)) for span in spans]
    np.save(talk / f"mixture-{rate}.npy", np.concatenate(blocks))


def _asked(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.separators", description=__doc__)
    parser.add_argument("--separator", choices=WAYS, action="append", help="default: all")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--within", type=float, default=10, metavar="MINUTES", help="that a cell may take")
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (2 << 30), 1)
    parser.add_argument(
        "--memory", type=float, default=memory, metavar="GIB", help="that a cell may take on a CPU; default: half"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=8, help="windows that ours gives to the network at once")
    parser.add_argument("--precision", default="auto", choices=("auto", "bf16", "fp32"), help="of ours; packages have theirs")
    parser.add_argument("--context", type=float, default=1.5, help="seconds that ours hears on each side of an overlap")
    parser.add_argument("--threads", type=int, default=1, help="of a package's call; ours has one")
    parser.add_argument(
        "--package-python", type=Path, metavar="PYTHON", help="that has clearvoice; see eval/mossformer2/README.md"
    )
    parser.add_argument("--speech", type=Path, help="manifest (TSV) that dialogues are simulated from; default: sepdiar.testing")
    parser.add_argument("--scratch", type=Path, help="folder for recordings and networks, emptied afterwards")
    parser.add_argument("--out", type=Path, default=Path("eval/speed"), metavar="DIR")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
