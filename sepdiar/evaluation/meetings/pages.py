"""What a benchmark shows: our rows above the published ones, each with its protocol, all made from results.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sepdiar.evaluation import bootstrap, machine, page
from sepdiar.evaluation.meetings.chain import Chain, Made
from sepdiar.evaluation.meetings.scores import Figure, Row, figure
from sepdiar.evaluation.shipped import Reference

PACKAGES = ("sepdiar", "numpy", "torch")
SPREAD = f"in brackets where 95 % lie when the recordings are drawn again ({bootstrap.DRAWS} draws); none for one recording"

Cells = Mapping[str, Figure]


@dataclass(frozen=True)
class Ours:
    """A row of ours: a figure for each column."""

    system: str
    cells: Cells
    protocol: str


@dataclass(frozen=True)
class Table:
    """A table of a benchmark: the rows of `reference.toml` that name it stand below ours."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Ours]


def parts(system: str, protocol: str, cells: Mapping[str, Cells]) -> list[Ours]:
    """A row for the first figure, with the protocol, and one below it for each other figure."""
    first, *others = cells
    return [Ours(system, cells[first], protocol), *(Ours(f"- {key}", cells[key], "as above") for key in others)]


def by_group(key: str, rows: Sequence[Row], groups: Sequence[str]) -> Cells:
    """A figure for each group of recordings."""
    return {group: figure(key, [row for row in rows if row.group == group]) for group in groups}


def collected(
    about: Reference, split: str, chain: Chain, made: Made, rows: Sequence[Row], tables: Sequence[Table], protocol: Sequence[str]
) -> dict[str, Any]:
    """Everything that is known of the measurement, as results.json holds it."""
    config = chain.config()
    return {
        "benchmark": about.name,
        "title": about.title,
        "split": split,
        "recipe": {"name": name_of(chain), "settings": dict(config.values)},
        "models": made.models,
        "tables": [_table(table, about) for table in tables],
        "recordings": [asdict(row) for row in rows],
        "protocol": [*protocol, SPREAD],
        "data": [asdict(one) for one in about.downloads],
        "machine": machine.facts(PACKAGES),
    }


def name_of(chain: Chain) -> str:
    """What a chain is called: its recipe, a file by the folder that it lies in, and what was set on top of it.

    >>> name_of(Chain(Path("eval/ami/recipe.toml"), Path("out"), ("diarize.speakers=4",)))
    'ami/recipe.toml diarize.speakers=4'
    """
    path = Path(chain.recipe)
    recipe = "/".join(path.parts[-2:]) if path.suffix == ".toml" else str(chain.recipe)
    pairs = (text.partition("=") for text in chain.settings)
    return " ".join([recipe, *(f"{key.strip()}={Path(value.strip()).name}" for key, _, value in pairs)])


def written(results: Mapping[str, Any], out: Path, picture: str = "") -> None:
    """OUT/results.json, and OUT/README.md with the tables between its marks."""
    page.write(out, results, list(sheets(results)), notes(results), picture)


def sheets(results: Mapping[str, Any]) -> Iterator[page.Sheet]:
    """The tables, ours first."""
    for table in results["tables"]:
        rows = []
        for row in table["rows"]:
            write = as_published if row["source"] else cell
            cells = [write(row["figures"].get(column)) for column in table["columns"]]
            rows.append([row["system"], *cells, row["protocol"] + (f" ({row['source']})" if row["source"] else "")])
        yield page.Sheet(table["title"], ["system", *table["columns"], "protocol"], rows)


def notes(results: Mapping[str, Any]) -> list[str]:
    """Markdown: what was measured, what stopped, the protocol, the machine, the models, the data."""
    rows, facts = results["recordings"], results["machine"]
    right = sum(row["speakers"] == row["found"] for row in rows)
    lines = [
        f"- {len(rows)} recordings, split {results['split']}, recipe `{results['recipe']['name']}`; in {right} of them as many "
        "speakers were found as there are",
        *(f"- not done, all of it counts as missed: {row['recording']}: {row['failure']}" for row in rows if row["failure"]),
        *(f"- {line}" for line in results["protocol"]),
    ]
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    models = "; ".join(f"`{name}` {sha256[:12]}" for name, sha256 in results["models"].items())
    lines.append(
        f"- {facts['date']}, on {facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}, "
        f"Python {facts['python']}, {packages}; models: {models or 'none'}"
    )
    return [*lines, *(f"- data: {one['what']}: {one['home']} ({one['licence']})" for one in results["data"])]


def cell(one: Mapping[str, Any] | None) -> str:
    """A percentage, and its interval where there is one.

    >>> cell({"value": 12.345, "low": 10.0, "high": 15.0}), cell({"value": 0.0, "low": None, "high": None}), cell(None)
    ('12.3 (10.0 to 15.0)', '0.0', '-')
    """
    if one is None or one["value"] is None:
        return "-"
    spread = f" ({one['low']:.1f} to {one['high']:.1f})" if one["low"] is not None and one["low"] < one["high"] else ""
    return f"{one['value']:.1f}{spread}"


def as_published(one: Mapping[str, Any] | None) -> str:
    """A percentage of others, with the decimals that they gave.

    >>> as_published({"value": 84.25}), as_published({"value": 17.0}), as_published(None)
    ('84.25', '17.0', '-')
    """
    return "-" if one is None else str(float(one["value"]))


def _table(table: Table, about: Reference) -> dict[str, Any]:
    ours = [
        {
            "system": row.system,
            "figures": {key: asdict(one) for key, one in row.cells.items()},
            "protocol": row.protocol,
            "source": "",
        }
        for row in table.rows
    ]
    theirs = [
        {
            "system": row.system,
            "figures": {key: asdict(Figure(value)) for key, value in row.figures.items()},
            "protocol": row.protocol,
            "source": row.source,
        }
        for row in about.rows
        if row.table == table.name
    ]
    return {"name": table.name, "title": table.title, "columns": list(table.columns), "rows": ours + theirs}
