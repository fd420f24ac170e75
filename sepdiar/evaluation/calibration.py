"""Does the predicted error hold? `python -m sepdiar.evaluation.calibration MANIFEST --out eval/calibration`.

Dialogues are simulated of two halves of the speakers and processed by the recipe that ships. What is learnt of one half is tested
on the other, and the other way round: those are the figures. What ships (`--learn`) is then learnt of both.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from sepdiar.calibration.features import features
from sepdiar.calibration.model import COVERAGE, fit
from sepdiar.calibration.stage import made_by
from sepdiar.evaluation import bootstrap, machine
from sepdiar.evaluation.command import command
from sepdiar.evaluation.embedded.cases import offer
from sepdiar.evaluation.embedded.scores import scored
from sepdiar.evaluation.embedded.systems import SYSTEMS, run, weights
from sepdiar.evaluation.page import Sheet, show, write
from sepdiar.simulation import simulate
from sepdiar.simulation.manifest import choose

SOUNDS = ("clean", "noisy", "reverberant")
OVERLAPS = (0.08, 0.2, 0.35)
TARGETS = {"der": "DER, %", "onsets-missed": "onsets beyond 50 ms, %"}
PACKAGES = ("sepdiar", "numpy", "scipy", "pyannote.metrics")
PROTOCOL = (
    "simulated dialogues of two, a third of them clean, in noise, in measured rooms; 8, 20 and 35 % overlap; two halves of the "
    "speakers, no speaker in both",
    "learnt of one half and tested on the other, both ways, the predictions together; what the chain refuses has none",
    f"covered: share of the true errors within the interval that is said to hold {100 * COVERAGE:.0f} % of them; rank "
    "correlation: Spearman, of the predicted with the true error",
    f"95 % intervals: bootstrap over recordings, {bootstrap.DRAWS} draws",
)


def halves(manifest: Path, split: str | None) -> tuple[list[str], list[str]]:
    """The speakers in two halves, by turns in the order of their names."""
    names = sorted({utterance.speaker for utterance in choose(manifest, split=split)})
    return names[::2], names[1::2]


def dialogues(asked: Any, half: int, speakers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Every dialogue of a half: its features, its true errors, and what made it."""
    system = next(system for system in SYSTEMS if system.name == "embedded")
    each = max(1, round(asked.dialogues / 2 / len(SOUNDS) / len(OVERLAPS)))
    key = "-".join(sorted(one[:8] for one in weights().values()))
    for number, (sound, overlap) in enumerate((sound, overlap) for sound in SOUNDS for overlap in OVERLAPS):
        folder = asked.scratch / f"half-{half}" / f"{sound}-{100 * overlap:g}-{each}x{asked.seconds:g}s"
        if not (folder / "manifest.jsonl").is_file():
            places = {"rooms": asked.rooms} if sound == "reverberant" else {"noise": asked.noise} if sound == "noisy" else {}
            chosen: dict[str, Any] = {"split": asked.split, "speakers": speakers, "seed": 300 + 20 * half + number, **places}
            simulate(asked.manifest, folder, dialogues=each, seconds=asked.seconds, overlap=overlap, **chosen)
        offer(folder)
        kept = folder / f"rows-{key}.json"
        if not kept.is_file():
            ran = run(system, folder, folder / "run", 1)
            rows = []
            for row in scored(ran, folder):
                made = ran.items.get(row.recording)
                rows.append({"name": f"{folder.name}/{row.recording}", "refused": row.failure, **_errors(row.counts)})
                if made:
                    rows[-1] |= {"features": features(made[0]), "made_by": made_by(made[0])}
            kept.write_text(json.dumps(rows), encoding="utf-8")
        print(f"done  half {half}  {folder.name}", file=sys.stderr)
        yield from json.loads(kept.read_text(encoding="utf-8"))


def _errors(counts: Mapping[str, float]) -> dict[str, float]:
    wrong = counts["miss"] + counts["false_alarm"] + counts["confusion"]
    return {"der": wrong / counts["total"], "onsets-missed": 1 - counts["onsets_50ms"] / counts["turns"]}


def tested(sides: Sequence[Sequence[Mapping[str, Any]]], target: str) -> dict[str, Any]:
    """What is learnt of each side, on the other."""
    true, value, low, high = [], [], [], []
    for learnt, other in (sides, sides[::-1]):
        model = fit([row["features"] for row in learnt], [row[target] for row in learnt])
        for row in other:
            guess = model.guess(row["features"])
            if guess:
                true.append(row[target])
                value.append(guess.value)
                low.append(guess.low)
                high.append(guess.high)
    errors = np.array([true, value, low, high])
    draws = [errors[:, np.repeat(np.arange(len(true)), times.astype(int))] for times in bootstrap.drawn(len(true))]
    measures = {"covered": _covered, "rank": _rank, "off": _off, "width": _width}
    found = {}
    for name, measure in measures.items():
        edges = bootstrap.interval(np.array([measure(one) for one in draws]))
        found[name] = {"value": round(measure(errors), 4), "low": edges[0], "high": edges[1]}
    points = np.round(errors.T, 4).tolist()
    return {"recordings": len(true), "mean": round(float(errors[0].mean()), 4), **found, "points": points}


def _covered(errors: Any) -> float:
    return float(((errors[0] >= errors[2]) & (errors[0] <= errors[3])).mean())


def _rank(errors: Any) -> float:
    return float(spearmanr(errors[0], errors[1]).statistic)


def _off(errors: Any) -> float:
    return float(np.median(np.abs(errors[0] - errors[1])))


def _width(errors: Any) -> float:
    return float(np.median(errors[3] - errors[2]))


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write results.json and README.md below `--out`; with `--learn`, what ships."""
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.calibration", description=__doc__)
    parser.add_argument("manifest", type=Path, help="speech of one person a file (TSV), as `sepdiar simulate` takes it")
    parser.add_argument("--split", help="only this split of it")
    parser.add_argument("--rooms", type=Path, required=True, help="folder of impulse responses")
    parser.add_argument("--noise", type=Path, required=True, help="folder of noise")
    parser.add_argument("--dialogues", type=int, default=108, help="how many in all")
    parser.add_argument("--seconds", type=float, default=75.0, help="how long each is")
    parser.add_argument("--scratch", type=Path, default=Path(gettempdir()) / "sepdiar-calibration", help="what is made and done")
    parser.add_argument("--out", type=Path, help="folder for results.json and README.md")
    parser.add_argument("--learn", type=Path, help="the file for what is learnt of all: sepdiar/calibration/embedded.json")
    asked = parser.parse_args(arguments)
    everything = [list(dialogues(asked, half, names)) for half, names in enumerate(halves(asked.manifest, asked.split))]
    sides = [[row for row in rows if not row["refused"]] for rows in everything]
    results = {
        "targets": {target: tested(sides, target) for target in TARGETS},
        "refused": [row["name"] for rows in everything for row in rows if row["refused"]],
        "protocol": list(PROTOCOL),
        "machine": machine.facts(PACKAGES),
        "models": weights(),
        "seconds": asked.seconds,
        "coverage": COVERAGE,
    }
    models = {
        target: fit([row["features"] for rows in sides for row in rows], [row[target] for rows in sides for row in rows]).facts()
        for target in TARGETS
    }
    results["weights"] = {
        target: dict(zip(model["names"], (round(one, 3) for one in model["weights"]), strict=True))
        for target, model in models.items()
    }
    made, told = list(sheets(results)), notes(results)
    show(made, told)
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        write(asked.out, results, made, told, "", "How well the chain knows how wrong it is")
    if asked.learn:
        learnt = {"made_by": sides[0][0]["made_by"], "models": models}
        asked.learn.write_text(json.dumps(learnt, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def sheets(results: Mapping[str, Any]) -> Iterator[Sheet]:
    """What is predicted, and what each feature has to do with it."""
    heads = ["predicted", "recordings", "true mean", "covered, %", "rank correlation", "off by, median", "width, median"]
    rows = []
    for target, one in results["targets"].items():
        cells = [_cell(one["covered"], 100), _cell(one["rank"], 1), _cell(one["off"], 100), _cell(one["width"], 100)]
        rows.append([TARGETS[target], str(one["recordings"]), f"{100 * one['mean']:.1f}", *cells])
    yield Sheet(f"errors of other speakers' dialogues, predicted ({100 * results['coverage']:.0f} % intervals)", heads, rows)
    names = sorted({name for each in results["weights"].values() for name in each})
    rows = [[name, *(f"{each.get(name, 0.0):+.2f}" for each in results["weights"].values())] for name in names]
    yield Sheet("weights, of a standard deviation on the logarithm of the error", ["feature", *TARGETS.values()], rows)


def _cell(one: Mapping[str, float], times: float) -> str:
    digits = 2 if times == 1 else 1
    return f"{times * one['value']:.{digits}f} ({times * one['low']:.{digits}f} to {times * one['high']:.{digits}f})"


def notes(results: Mapping[str, Any]) -> list[str]:
    """Markdown: what was refused, the machine, the protocol."""
    facts = results["machine"]
    about = f"{facts['date']}, on {facts['processor']}, Python {facts['python']}; dialogues of {results['seconds']:g} s."
    return [
        f"- refused, and so without a prediction: {len(results['refused'])}",
        "",
        about,
        "",
        *(f"- {one}" for one in results["protocol"]),
    ]


if __name__ == "__main__":
    sys.exit(main())
