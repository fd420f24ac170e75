"""The tables of `eval/calibration/README.md` and of the terminal, from results.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sepdiar.evaluation.page import Sheet

TITLES = {"der": "DER, %", "onsets-missed": "onsets beyond 50 ms, %", "overlap-error": "wrong in overlap, %", "cpwer": "cpWER, %"}


def sheets(results: Mapping[str, Any]) -> Iterator[Sheet]:
    """What is predicted, and what each feature has to do with it."""
    heads = ["predicted", "recordings", "true mean", "covered, %", "rank correlation", "off by, median", "width, median"]
    rows = []
    for target in (target for target in TITLES if target in results["targets"]):
        one = results["targets"][target]
        cells = [_cell(one["covered"], 100), _cell(one["rank"], 1), _cell(one["off"], 100), _cell(one["width"], 100)]
        rows.append([TITLES[target], str(one["recordings"]), f"{100 * one['mean']:.1f}", *cells])
    yield Sheet(f"errors of other speakers' dialogues, predicted ({100 * results['coverage']:.0f} % intervals)", heads, rows)
    weights = {target: results["weights"][target] for target in TITLES if target in results["weights"]}
    names = sorted({name for each in weights.values() for name in each})
    rows = [[name, *(f"{each[name]:+.2f}" if name in each else "" for each in weights.values())] for name in names]
    title = "weights, of a standard deviation on the logarithm of the error"
    yield Sheet(title, ["feature", *(TITLES[target] for target in weights)], rows)


def _cell(one: Mapping[str, float], times: float) -> str:
    digits = 2 if times == 1 else 1
    return f"{times * one['value']:.{digits}f} ({times * one['low']:.{digits}f} to {times * one['high']:.{digits}f})"


def notes(results: Mapping[str, Any]) -> list[str]:
    """Markdown: what was refused, the machine, the protocol."""
    facts = results["machine"]
    lengths = " and ".join(f"{one['dialogues']} of {one['seconds']:g} s ({name})" for name, one in results["parts"].items())
    about = f"{facts['date']}, on {facts['processor']}, Python {facts['python']}. Dialogues: {lengths}."
    refused = f"- refused, and so without a prediction: {len(results['refused'])}"
    return [refused, "", about, "", *(f"- {one}" for one in results["protocol"])]
