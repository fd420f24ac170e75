"""Whether two channels stay right for hours, ours beside the stock way: `python -m sepdiar.evaluation.longform MANIFEST`.

Dialogues are simulated from the manifest and given, window by window, to a separator that knows the truth and shuffles its
sources, and to the one that ships. What is done is kept in `--scratch`, under a hash of code, models and settings,
and not done again.
"""

from __future__ import annotations

import math
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from sepdiar.errors import SOME_FAILED
from sepdiar.evaluation import machine
from sepdiar.evaluation.command import command
from sepdiar.evaluation.embedded.cases import Material
from sepdiar.evaluation.keys import cache_key
from sepdiar.evaluation.longform.cases import Case, cases, discard
from sepdiar.evaluation.longform.plot import plot
from sepdiar.evaluation.longform.results import System, collected, endured, measured
from sepdiar.evaluation.longform.sheets import PROTOCOL, notes, sheet
from sepdiar.evaluation.longform.ways import WAYS
from sepdiar.evaluation.longform.work import ORACLE
from sepdiar.evaluation.page import results_before, show, write

PICTURE = "longform.png"
ENDURANCE_SEED = 1000
PACKAGES = ("sepdiar", "numpy", "scipy", "soundfile", "soxr")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and write results.json, README.md and the picture below `--out`.

    The answer is 1 where a speaker of the shuffled oracle changed channel our way.
    """
    return _measure(_asked(arguments))


def _measure(asked: Namespace) -> int:
    before = results_before(asked.out)
    known = {"machine": machine.facts(PACKAGES), "material": asked.material.facts(), "protocol": list(PROTOCOL)}
    if asked.hours:
        long = endured(list(_endured(asked)))
        results = {"cases": [], **known, **before, "endurance": long}
        swaps = long["swaps"]
    else:
        kept = {key: before[key] for key in ("endurance",) if key in before}
        results = {**kept, **known, "cases": collected(_entries(asked))}
        ours = [one for one in results["cases"] if one["separator"] == ORACLE and one["way"] != "stock"]
        swaps = sum(row["counts"]["swaps"] for one in ours for row in one["rows"])
    _show(results, asked.out)
    return SOME_FAILED if swaps else 0


def _entries(asked: Namespace) -> Iterator[dict[str, Any]]:
    for case in cases(asked.minutes, asked.dialogues):
        for separator in asked.separators:
            for way in asked.ways:
                yield _done(System(separator, way, asked.diarizer), case, asked)


def _endured(asked: Namespace) -> Iterator[dict[str, Any]]:
    """Long dialogues with silences, one after the other, until there are so many hours or the time is over.

    Their audio is not kept.
    """
    began, minutes = time.monotonic(), asked.minutes[-1]
    for number in range(math.ceil(60 * asked.hours / minutes)):
        if number and time.monotonic() - began > 60 * asked.within:
            return
        case = Case(minutes, silences=True, seed=ENDURANCE_SEED + number)
        yield _done(System(asked.separators[0], asked.ways[0], asked.diarizer), case, asked)
        discard(_folder(case, asked))


def _done(system: System, case: Case, asked: Namespace) -> dict[str, Any]:
    entry = measured(system, case, asked.material, _folder(case, asked))
    swaps = sum(row["counts"]["swaps"] for row in entry["rows"])
    print(f"done  {case.name}  {system.separator}  {system.way}  {swaps:g} swaps", file=sys.stderr, flush=True)
    return entry


def _folder(case: Case, asked: Namespace) -> Path:
    key = cache_key(asked.material.facts(), case.dialogues)
    return Path(asked.scratch) / key / case.name


def _show(results: dict[str, Any], out: Path | None) -> None:
    made, told = [sheet(results)], notes(results)
    show(made, told)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        drawn = bool(results["cases"]) and plot(results, out / PICTURE)
        write(out, results, made, told, f"![Swaps and separation of each way]({PICTURE})" if drawn else "")


def _asked(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.longform", description=__doc__)
    parser.add_argument("manifest", type=Path, help="speech of one person a file (TSV), as `sepdiar simulate` takes it")
    parser.add_argument("--split", help="only this split of it")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0, 10.0, 60.0], help="lengths of the talk")
    parser.add_argument("--dialogues", type=int, nargs="+", default=[5, 2, 1], help="how many of each length")
    parser.add_argument("--separators", nargs="+", default=[ORACLE, "compact"], help=f"{ORACLE}, or names of backends")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--diarizer", default="", help="the diarizer that says who speaks; without it, the truth does")
    parser.add_argument(
        "--scratch", type=Path, default=Path(gettempdir()) / "sepdiar-longform", help="folder for what is made and done"
    )
    parser.add_argument("--out", type=Path, help="folder for results.json, README.md and the picture")
    parser.add_argument(
        "--hours",
        type=float,
        default=0.0,
        help="instead: so many hours of talk, in dialogues of the last length, for the swaps of the first separator and way",
    )
    parser.add_argument("--within", type=float, default=math.inf, help="minutes after which no other of them is begun")
    asked = parser.parse_args(arguments)
    asked.material = Material(asked.manifest, asked.split)
    return asked


if __name__ == "__main__":
    sys.exit(main())
