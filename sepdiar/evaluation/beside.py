"""What the comparisons of a network of ours with that of its authors share: their options, their figures and their verdict."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from sepdiar.errors import SOME_FAILED

LIMIT = 1e-4  # of the loudest sample

Row = dict[str, Any]


def options(name: str, about: str | None, cases: Iterable[str]) -> ArgumentParser:
    """The options that every one of them has: where to write, and which cases."""
    parser = ArgumentParser(prog=f"python -m sepdiar.evaluation.{name}", description=about)
    parser.add_argument("--out", type=Path, default=Path("eval") / name, metavar="DIR")
    parser.add_argument("--case", choices=cases, action="append", default=[], help="default: all")
    return parser


def compared(cases: Iterable[str], compare: Callable[[str], Row], out: Path) -> int:
    """Print each case, and write OUT/results.json; 1 where one is further apart than rounding explains."""
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for name in cases:
        found.append(compare(name))
        print(json.dumps(found[-1]), flush=True)
    (out / "results.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return SOME_FAILED if any(row["greatest difference"] > LIMIT * row["loudest"] for row in found) else 0


def apart(ours: Tensor, theirs: Tensor) -> Row:
    """How far two are from each other, and how loud the samples of theirs are."""
    return {"loudest": float(theirs.abs().max()), "greatest difference": float((ours - theirs).abs().max())}
