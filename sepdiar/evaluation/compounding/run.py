"""The function behind `sepdiar eval compounding`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sepdiar.evaluation.compounding.cells import Asked, cells, possible, roles, ways
from sepdiar.evaluation.compounding.measure import facts, measured, prepared
from sepdiar.evaluation.compounding.plot import plot
from sepdiar.evaluation.compounding.results import collected
from sepdiar.evaluation.compounding.sheets import notes, sheets
from sepdiar.evaluation.page import write
from sepdiar.events import Listener, silence

PICTURE = "waterfall.png"


def compounding(
    oracle_dir: str | Path,
    out: str | Path,
    *,
    layout: str | None = None,
    recipe: str | Path | None = None,
    config: str | Path | None = None,
    separator: str | None = None,
    diarizer: str | None = None,
    recognizer: str | None = None,
    device: str | None = None,
    settings: Iterable[str] = (),
    limit: int | None = None,
    workers: int | None = None,
    listen: Listener = silence,
) -> dict[str, Any]:
    """What each stage of a chain costs on recordings whose truth is known, alone and together.

    `oracle_dir` is a corpus that `sepdiar.corpora` can read, its `layout` told by what is in it where it is not named. Each of
    separation, diarization and recognition is the system's or the truth's: eight cells, and beside them the same chain in
    another order and the baselines. `out` gets results.json, README.md, a picture, and a file for each recording that is done:
    called again, it continues. `limit` is how many recordings, the first ones. The answer is what results.json holds.
    """
    asked = Asked.by(recipe, config, settings, separator=separator, diarizer=diarizer, recognizer=recognizer, device=device)
    base = asked.chain
    place = Path(out)
    truths = prepared(oracle_dir, layout, place / "truth", limit)
    there = roles(base)
    eight = list(cells(there, place / "truth"))
    others, left_out = possible(ways(base), asked)
    rows = measured(asked, [*eight, *others], truths, place / "recordings", workers, listen)
    results = collected(there, eight, others, rows, [truth.name for truth in truths])
    results |= {"left_out": left_out, **facts(base, truths)}
    drawn = plot(results, place / PICTURE)
    picture = f"![From the truth to the system, stage by stage]({PICTURE})" if drawn else ""
    write(place, results, list(sheets(results)), notes(results), picture, "What each stage costs, and what they cost together")
    return results
