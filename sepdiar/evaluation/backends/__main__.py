"""How fast diarizers and recognisers are, ours beside their packages' plain calls: `python -m sepdiar.evaluation.backends`.

Each cell is measured in a fresh process and written at once; what is there is not measured again. A cell that would take longer
than --within, or more than --memory, is written with that reason. `--package-python NAME=PYTHON` measures a row, ours and the
package's, by a Python of another environment, in which sepdiar is installed too.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import soundfile

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.backends import publish, same, table, work
from sepdiar.evaluation.backends.order import BACKENDS, FIRST, PLAIN, SECONDS, Order
from sepdiar.evaluation.bench.command import options, run
from sepdiar.evaluation.bench.measuring import RATE
from sepdiar.evaluation.bench.measuring import Bench as Measuring
from sepdiar.evaluation.bench.order import OURS, Cell
from sepdiar.evaluation.command import command


class Bench(Measuring[Order]):
    """Measures cells; recordings and networks are made in `scratch` when they are first needed."""

    def __init__(self, asked: Namespace, scratch: Path, shapes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__(asked, scratch)
        self._shapes = shapes or {}
        self._published: dict[str, Mapping[str, Any]] = {}

    def measured(self, order: Order) -> Cell:
        """The figures of a cell, and whether the package says the same, where both were measured now."""
        name = order.backend
        if name not in self._published:
            self._published[name] = self._publish(order)
        answer = self._answer(order)
        talk = self.talk(order.minutes)
        given = {"parameters": self._published[name], "talk": str(talk), "answer": str(answer), "memory": self.asked.memory}
        found = self.ran(self._program(order, work.__name__), {**order.facts(), **given})
        if "not_run" in found:
            return found
        ours = self._answer(order, OURS)
        if order.way == PLAIN and ours.is_file():
            one, other = (json.loads(file.read_text(encoding="utf-8")) for file in (ours, answer))
            found |= {"answer": same.compared(one, other, BACKENDS[name].kind)}
        return {**found, "audio": 60 * order.minutes}

    def talk(self, minutes: float) -> Path:
        """The same, with its beginning in a file of its own."""
        made = super().talk(minutes)
        if not (made / FIRST).is_file():
            samples, rate = soundfile.read(made / "mixture.flac", round(SECONDS * RATE), dtype="int16")
            soundfile.write(made / FIRST, samples, rate)
        return made

    def _publish(self, order: Order) -> Mapping[str, Any]:
        """The parameters with which the backend takes its files."""
        name = order.backend
        heard = self.talk(SECONDS / 60) / FIRST
        asked = {"folder": str(self.scratch / name), "shape": dict(self._shapes.get(name, {})), "heard": str(heard)}
        found = self.ran(self._program(order, publish.__name__), {**order.facts(), **asked})
        if "parameters" not in found:
            why = str(found.get("what") or found.get("not_run") or "")
            raise SepdiarError(str(found.get("code", "SD901")), why, hint=str(found.get("hint") or ""))
        return dict(found["parameters"])

    def _program(self, order: Order, module: str) -> Sequence[str]:
        return [dict(self.asked.package_python).get(order.backend, sys.executable), "-m", module]

    def _answer(self, order: Order, way: str = "") -> Path:
        return self.scratch / f"{order.backend}, {way or order.way}, {order.minutes:g}.json"


def orders(asked: Namespace) -> Iterator[Order]:
    """Every cell that is asked for: each length, ours beside the package's call."""
    for name in asked.backend or BACKENDS:
        for minutes in sorted(asked.minutes):
            yield from (Order(name, way, minutes, asked.device, asked.threads) for way in BACKENDS[name].ways)


@command
def main(arguments: Sequence[str] | None = None, shapes: Mapping[str, Mapping[str, Any]] | None = None) -> int:
    """Measure what is missing, write backends.json and the tables of backends.md below `--out`, and print them.

    `shapes` are of networks that shall not have their published size.
    """
    asked = _asked(arguments)
    listed = (("calls", order) for order in orders(asked))
    run("backends", asked, lambda scratch: Bench(asked, scratch, shapes), listed, _place, table.tables, ("calls",))
    return 0


def _place(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    row = BACKENDS[cell["backend"]]
    return row.kind, cell["backend"], cell["device"], cell["threads"], cell["minutes"], row.ways.index(cell["way"])


def _asked(arguments: Sequence[str] | None) -> Namespace:
    parser = options("backends", __doc__)
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="default: all")
    parser.add_argument(
        "--package-python", type=_named, action="append", default=[], metavar="NAME=PYTHON", help="of another environment"
    )
    return parser.parse_args(arguments)


def _named(text: str) -> tuple[str, str]:
    name, _, python = text.partition("=")
    if name not in BACKENDS or not python:
        raise ArgumentTypeError(f"a row and a Python, such as whisper=/opt/whisper/bin/python, not {text!r}")
    return name, python


if __name__ == "__main__":
    sys.exit(main())
