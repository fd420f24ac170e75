"""The tables of `eval/speed/README.md`, from results.json alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


def tables(results: Mapping[str, Any]) -> str:
    """Markdown: the machine, times real time and memory of each row, then where the time goes."""
    rows: Sequence[Mapping[str, Any]] = results["rows"]
    stages = list(dict.fromkeys(stage for row in rows for run in row["runs"] for stage in run["stages"]))
    whole = [
        (name_of(row), "yes" if row["words"] else "no", str(len(row["runs"])), *_whole(row["runs"]))
        for row in rows
        if row["runs"]
    ]
    parts = [(name_of(row), "yes" if row["words"] else "no", *_parts(row["runs"], stages)) for row in rows if row["runs"]]
    heads = ("recording", "words", "runs", "times real time", "processor s", "peak MiB, all processes", "largest process")
    return "\n".join(
        [
            _machine(results),
            "",
            *_table(heads, whole),
            "",
            "Seconds in each stage, and how many times real time that is:",
            "",
            *_table(("recording", "words", *stages, "outside the stages"), parts),
            "",
            *(_check(check) for check in results["checks"]),
        ]
    )


def put(text: str, readme: Path) -> None:
    """Replace what stands between the two marks of a README, which is made where there is none."""
    old = readme.read_text(encoding="utf-8") if readme.is_file() else f"{BEGIN}\n{END}\n"
    new = re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text.rstrip()}\n{END}", old, flags=re.DOTALL)
    readme.write_text(new, encoding="utf-8")


def name_of(row: Mapping[str, Any]) -> str:
    """How long the recordings of a row are, and how many at a time."""
    length = f"{row['minutes']:g} min"
    return length if row["files"] == 1 else f"{row['files']} x {length}, {row['workers']} workers"


def _whole(runs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    speed = spread([run["audio"] / run["command"] for run in runs])
    return speed, *(spread([run[key] for run in runs]) for key in ("processor", "memory", "largest"))


def _parts(runs: Sequence[Mapping[str, Any]], stages: Sequence[str]) -> Iterable[str]:
    audio = runs[0]["audio"]
    for stage in stages:
        seconds = median(run["stages"].get(stage, 0.0) for run in runs)
        yield f"{seconds:.2f} ({audio / seconds:.0f} x)" if seconds >= 0.005 else f"{seconds:.2f}"
    rest = median(run["command"] - sum(run["stages"].values()) for run in runs)
    yield f"{rest:.2f}" if rest >= 0 else "side by side"


def spread(values: Sequence[float]) -> str:
    """Median, and least and most where there are several.

    >>> spread([31.0, 29.0, 30.4]), spread([7.25])
    ('30.4 (29.0 to 31.0)', '7.2')
    """
    middle = f"{median(values):.1f}"
    return f"{middle} ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else middle


def _machine(results: Mapping[str, Any]) -> str:
    facts = results["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    where = (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, load {facts['load']} before, {facts['system']}"
    )
    what = f"Recipe `{results['recipe']}`, speech of `{results['speech']}`"
    return f"{what}, {facts['date']}, on {where}, Python {facts['python']}, {packages}."


def _check(check: Mapping[str, Any]) -> str:
    verdict = "holds" if check["holds"] else "**does not hold**"
    return f"- {verdict}: {check['what']}: {check['value']:.3g}, floor {check['limit']:.3g}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
