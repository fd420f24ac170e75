"""A bench as a command: its options, its cells in a JSON file, of which none is measured twice, and its tables beside them."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sepdiar.evaluation.bench.measuring import Bench, Ordered
from sepdiar.evaluation.speed_table import put
from sepdiar.identity import OURS, code_sha256


def options(name: str, about: str | None) -> ArgumentParser:
    """What every bench can be asked."""
    parser = ArgumentParser(prog=f"python -m sepdiar.evaluation.{name}", description=about)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--within", type=float, default=10, metavar="MINUTES", help="that a cell may take")
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (2 << 30), 1)
    parser.add_argument(
        "--memory", type=float, default=memory, metavar="GIB", help="that a cell may take on a CPU; default: half"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of a package's call; ours has one")
    parser.add_argument("--speech", type=Path, help="manifest (TSV) that dialogues are simulated from; default: sepdiar.testing")
    parser.add_argument("--scratch", type=Path, help="folder for recordings and networks, emptied afterwards")
    parser.add_argument("--out", type=Path, default=Path("eval/speed"), metavar="DIR")
    return parser


def run(
    name: str,
    asked: Namespace,
    make: Callable[[Path], Bench[Ordered]],
    orders: Iterable[tuple[str, Ordered]],
    place: Callable[[Mapping[str, Any]], tuple[Any, ...]],
    tables: Callable[[Mapping[str, Any]], str],
    lists: Sequence[str] = ("cells",),
) -> None:
    """Measure what is missing, write NAME.json and the tables of NAME.md below `--out`, and print them.

    Each order comes with the list of the file that its cell belongs to; `place` says where in it.
    """
    file = asked.out / f"{name}.json"
    asked.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {key: [] for key in lists}
    with TemporaryDirectory(prefix=f"sepdiar-{name}-", dir=asked.scratch) as scratch:
        bench = make(Path(scratch))
        for key, order in orders:
            rows = results[key]
            same = [one for one in rows if order.alike(one)]
            here = next((one for one in same if one["minutes"] == order.minutes), None)
            if here and done(here, asked):
                continue
            made = bench.measure(order, [one for one in same if one["minutes"] < order.minutes])
            rows[:] = sorted([*(one for one in rows if one is not here), made], key=place)
            file.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
            print(json.dumps(made, sort_keys=True), file=sys.stderr)
    shown = tables(results)
    put(shown, asked.out / f"{name}.md")
    print(shown)


def done(cell: Mapping[str, Any], asked: Namespace) -> bool:
    """Whether a cell has its figures, of the code of now, or was not run within limits that are no less than those of now."""
    if cell.get("code") != code_sha256(OURS, whole=True):
        return False
    return "seconds" in cell or (cell["within"] >= asked.within and cell["memory"] >= asked.memory)
