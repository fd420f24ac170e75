"""How fast separators are, ours beside their packages' calls: `python -m sepdiar.evaluation.separators --out eval/speed`.

Each cell is measured in a fresh process and written at once; what is there is not measured again. A cell that would take longer
than --within, or more than --memory, is written with that reason.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import sepdiar
from sepdiar.audio.source import FileAudio
from sepdiar.conversation import Span
from sepdiar.environment import for_child
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.bench.command import options, run
from sepdiar.evaluation.bench.measuring import Bench as Measuring
from sepdiar.evaluation.bench.order import OURS, Cell
from sepdiar.evaluation.command import command
from sepdiar.evaluation.separators import package, table, work
from sepdiar.evaluation.separators.networks import publish
from sepdiar.evaluation.separators.order import WAYS, Order
from sepdiar.separation.band import brought_to

RATES = (8_000, 16_000)
BLOCK = 60  # seconds


class Bench(Measuring[Order]):
    """Measures cells; recordings and networks are made in `scratch` when they are first needed."""

    def __init__(self, asked: Namespace, scratch: Path, shapes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__(asked, scratch)
        self._shapes = shapes or {}
        self._weights: dict[str, dict[str, Any]] = {}

    def measure(self, order: Order, shorter: Sequence[Mapping[str, Any]]) -> Cell:
        """The same, with the precision that was asked for beside the one that was chosen."""
        return {**super().measure(order, shorter), "asked": order.precision}

    def measured(self, order: Order) -> Cell:
        """The figures of a cell."""
        weights = self._weights.get(order.separator)
        if weights is None:
            weights = publish(order.separator, self.scratch / order.separator, self._shapes.get(order.separator))
            self._weights[order.separator] = weights
        talk = self.talk(order.minutes) if order.minutes else self.scratch
        given = {**order.facts(), "weights": weights, "talk": str(talk), "memory": self.asked.memory}
        program, environ = [sys.executable, "-m", work.__name__], None
        if order.separator == "mossformer2" and order.way not in (OURS, work.FLOOR):
            if not self.asked.package_python:
                raise SepdiarError("SD250", "clearvoice has an environment of its own", hint="--package-python PYTHON")
            program, environ = [str(self.asked.package_python), package.__file__], self._with_these_files()
            given |= {"weights": weights["path"], "mixture": str(talk / "mixture-16000.npy")}
        found = self.ran(program, given, environ)
        return found if "not_run" in found else {**found, "audio": 60 * order.minutes}

    def talk(self, minutes: float) -> Path:
        """The same, with its samples at every rate that a network wants."""
        made = super().talk(minutes)
        for rate in RATES:
            if not (made / f"mixture-{rate}.npy").is_file():
                _kept(made, rate)
        return made

    def _with_these_files(self) -> Mapping[str, str]:
        """What lets another Python import sepdiar, and nothing that lies beside it here."""
        alone = self.scratch / "alone"
        if not alone.is_dir():
            alone.mkdir()
            (alone / "sepdiar").symlink_to(Path(sepdiar.__file__).parent)
        return for_child(PYTHONPATH=str(alone))


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
    listed = (("floors" if order.way == work.FLOOR else "cells", order) for order in orders(asked))
    lists = ("cells", "floors")
    run("separators", asked, lambda scratch: Bench(asked, scratch, shapes), listed, _place, table.tables, lists)
    return 0


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
    parser = options("separators", __doc__)
    parser.add_argument("--separator", choices=WAYS, action="append", help="default: all")
    parser.add_argument("--batch", type=int, default=8, help="windows that ours gives to the network at once")
    parser.add_argument("--precision", default="auto", choices=("auto", "bf16", "fp32"), help="of ours; packages have theirs")
    parser.add_argument("--context", type=float, default=1.5, help="seconds that ours hears on each side of an overlap")
    parser.add_argument(
        "--package-python", type=Path, metavar="PYTHON", help="that has clearvoice; see eval/mossformer2/README.md"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
