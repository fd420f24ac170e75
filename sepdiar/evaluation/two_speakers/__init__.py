"""The benchmarks of two speakers: how many dB better than the mixture the two sources of a separator are.

What is in them is not ours to give: each function takes the folder that the makers' own scripts fill, and says what is missing
and who gives it. `separator` takes the place of that of the benchmark's recipe; it hears the mixtures at `rate`, and is scored
there or at the lower `scored_rate`. The results, `results.json` and a table in `README.md`, stand in `out`, and there, in
`mixtures.jsonl`, is what was scored already: the same call goes on from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.evaluation import machine, shipped
from sepdiar.evaluation.bootstrap import mean
from sepdiar.evaluation.page import write
from sepdiar.evaluation.two_speakers.layouts import LAYOUTS, RATES, Mixture, mixtures
from sepdiar.evaluation.two_speakers.measure import measured
from sepdiar.evaluation.two_speakers.separators import opened
from sepdiar.evaluation.two_speakers.sheets import FIGURES, notes, sheet
from sepdiar.events import Listener, silence

PACKAGES = ("sepdiar", "numpy", "scipy", "soundfile", "soxr", "torch")

Results = dict[str, Any]


def wsj0mix(
    data: str | Path,
    out: str | Path,
    separator: str | None = None,
    rate: int = 8000,
    scored_rate: int | None = None,
    mode: str = "min",
    split: str = "tt",
    condition: str = "mix",
    limit: int | None = None,
    device: str | None = None,
    settings: Iterable[str] = (),
    listen: Listener = silence,
) -> Results:
    """Score a separator on WSJ0-2mix."""
    return _run("wsj0mix", data, out, separator, rate, scored_rate, mode, split, condition, limit, device, settings, listen)


def wham(
    data: str | Path,
    out: str | Path,
    separator: str | None = None,
    rate: int = 8000,
    scored_rate: int | None = None,
    mode: str = "min",
    split: str = "tt",
    condition: str = "mix_both",
    limit: int | None = None,
    device: str | None = None,
    settings: Iterable[str] = (),
    listen: Listener = silence,
) -> Results:
    """Score a separator on WHAM!: the speakers apart, and the noise gone."""
    return _run("wham", data, out, separator, rate, scored_rate, mode, split, condition, limit, device, settings, listen)


def whamr(
    data: str | Path,
    out: str | Path,
    separator: str | None = None,
    rate: int = 8000,
    scored_rate: int | None = None,
    mode: str = "min",
    split: str = "tt",
    condition: str = "mix_both_reverb",
    limit: int | None = None,
    device: str | None = None,
    settings: Iterable[str] = (),
    listen: Listener = silence,
) -> Results:
    """Score a separator on WHAMR!: the speakers apart, the noise and the room gone."""
    return _run("whamr", data, out, separator, rate, scored_rate, mode, split, condition, limit, device, settings, listen)


def librimix(
    data: str | Path,
    out: str | Path,
    separator: str | None = None,
    rate: int = 8000,
    scored_rate: int | None = None,
    mode: str = "min",
    split: str = "test",
    condition: str = "mix_clean",
    limit: int | None = None,
    device: str | None = None,
    settings: Iterable[str] = (),
    listen: Listener = silence,
) -> Results:
    """Score a separator on Libri2Mix."""
    return _run("librimix", data, out, separator, rate, scored_rate, mode, split, condition, limit, device, settings, listen)


def _run(
    name: str,
    data: str | Path,
    out: str | Path,
    separator: str | None,
    rate: int,
    scored_rate: int | None,
    mode: str,
    split: str,
    condition: str,
    limit: int | None,
    device: str | None,
    settings: Iterable[str],
    listen: Listener,
) -> Results:
    layout, reference = LAYOUTS[name], shipped.reference(name)
    found = mixtures(layout, Path(data), rate, mode, split, condition)
    if limit is not None and limit < 1:
        raise SepdiarError("SD202", f"1 or more, not {limit}", where="limit")
    if scored_rate not in (None, *(known for known in RATES if known <= rate)):
        raise SepdiarError("SD202", f"at most the rate of the mixtures, {rate}, not {scored_rate}", where="scored_rate")
    blind, known = opened(shipped.recipe(name), separator, device, settings)
    part: dict[str, Any] = {
        "rate": rate,
        "scored_rate": scored_rate or rate,
        "mode": mode,
        "split": split,
        "condition": condition,
    }
    asked = {"benchmark": name, **part, "separator": known, "files": _digest(found)}
    scores = measured(blind, found[:limit], rate, part["scored_rate"], asked, Path(out), listen)
    results: Results = {
        "benchmark": name,
        "title": reference.title,
        **part,
        "separator": known,
        "mixtures": len(scores),
        "of": len(found),
        "figures": {figure: mean([getattr(score, figure) for score in scores]) for figure in FIGURES},
        "machine": machine.facts(PACKAGES),
    }
    results["protocol"] = notes(results)
    write(Path(out), results, [sheet(results, reference.rows)], results["protocol"], "")
    return results


def _digest(found: Iterable[Mixture]) -> str:
    """Of the names and the sizes of the files, so that scores of other data are not taken for those of these."""
    lines = (f"{mixture.name} {mixture.file.stat().st_size}\n" for mixture in found)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
