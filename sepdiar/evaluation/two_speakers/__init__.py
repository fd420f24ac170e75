"""The benchmarks of two speakers: how many dB better than the mixture the two sources of a separator are.

What is in them is not ours to give: each function takes the folder that the makers' own scripts fill, and says what is missing
and who gives it. `separator` takes the place of that of the benchmark's recipe; it hears the mixtures at `rate`, and is scored
there or at the lower `scored_rate`. The results, `results.json` and a table in `README.md`, stand in `out`, and there, in
`mixtures.jsonl`, is what was scored already: the same call goes on from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.evaluation import machine, shipped
from sepdiar.evaluation.bootstrap import mean
from sepdiar.evaluation.page import write
from sepdiar.evaluation.two_speakers.layouts import LAYOUTS, RATES, Mixture, mixtures
from sepdiar.evaluation.two_speakers.measure import measured
from sepdiar.evaluation.two_speakers.scores import Score
from sepdiar.evaluation.two_speakers.separators import opened
from sepdiar.evaluation.two_speakers.sheets import FIGURES, notes, sheet
from sepdiar.events import Listener, silence
from sepdiar.identity import OURS, code_sha256

PACKAGES = ("sepdiar", "numpy", "scipy", "soundfile", "soxr", "torch")

Results = dict[str, Any]


def _benchmark(name: str, about: str) -> Callable[..., Results]:
    """The function of a benchmark; where nothing else is asked it measures the part that is published."""
    layout = LAYOUTS[name]

    def measure(
        data: str | Path,
        out: str | Path,
        separator: str | None = None,
        rate: int = 8000,
        scored_rate: int | None = None,
        mode: str = "min",
        split: str = layout.splits[0],
        condition: str = next(iter(layout.conditions)),
        limit: int | None = None,
        device: str | None = None,
        settings: Iterable[str] = (),
        listen: Listener = silence,
    ) -> Results:
        found = mixtures(layout, Path(data), rate, mode, split, condition)
        if limit is not None and limit < 1:
            raise SepdiarError("SD202", f"1 or more, not {limit}", where="limit")
        if scored_rate not in (None, *(known for known in RATES if known <= rate)):
            raise SepdiarError("SD202", f"at most the rate of the mixtures, {rate}, not {scored_rate}", where="scored_rate")
        blind, known = opened(shipped.recipe(name), separator, device, settings)
        chosen = {"rate": rate, "scored_rate": scored_rate or rate, "mode": mode, "split": split, "condition": condition}
        asked = {"benchmark": name, **chosen, "separator": known}
        kept = {**asked, "files": _digest(found), "code": code_sha256(OURS, whole=True)}
        scores = measured(blind, found[:limit], rate, scored_rate or rate, kept, Path(out), listen)
        return _written({**asked, "of": len(found)}, scores, Path(out))

    measure.__name__ = measure.__qualname__ = name
    measure.__doc__ = about
    return measure


wsj0mix = _benchmark("wsj0mix", "Score a separator on WSJ0-2mix.")
wham = _benchmark("wham", "Score a separator on WHAM!: the speakers apart, and the noise gone.")
whamr = _benchmark("whamr", "Score a separator on WHAMR!: the speakers apart, the noise and the room gone.")
librimix = _benchmark("librimix", "Score a separator on Libri2Mix.")


def _written(asked: Mapping[str, Any], scores: Sequence[Score], out: Path) -> Results:
    reference = shipped.reference(asked["benchmark"])
    results: Results = {
        **asked,
        "title": reference.title,
        "mixtures": len(scores),
        "figures": {figure: mean([getattr(score, figure) for score in scores]) for figure in FIGURES},
        "machine": machine.facts(PACKAGES),
    }
    results["protocol"] = notes(results)
    write(out, results, [sheet(results, reference.rows)], results["protocol"], "")
    return results


def _digest(found: Iterable[Mixture]) -> str:
    """Of the names and the sizes of the files, so that scores of other data are not taken for those of these."""
    lines = (f"{mixture.name} {mixture.file.stat().st_size}\n" for mixture in found)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
