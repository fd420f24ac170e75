"""What a file of results says in a few figures: one function for each kind of results, told by what is in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sepdiar.evaluation import shipped
from sepdiar.evaluation.backends import table as calls
from sepdiar.evaluation.calibration import sheets as predictions
from sepdiar.evaluation.compounding import overlap as raj
from sepdiar.evaluation.compounding import sheets as costs
from sepdiar.evaluation.figures import heads
from sepdiar.evaluation.longform import sheets as hours
from sepdiar.evaluation.meetings import pages
from sepdiar.evaluation.page import Sheet, cell, number
from sepdiar.evaluation.separators.table import goals
from sepdiar.evaluation.speed_table import name_of, spread
from sepdiar.evaluation.two_speakers import sheets as pairs

Results = Mapping[str, Any]
CHAINS = ("masking-mfcc", "masking-compact", "embedded", "separate-all")
HEARD = ("der", "onsets", "si_sdr_clean", "si_sdr_overlap", "leakage", "swaps")
SCORED = {"der": "DER", "turns": "onsets within 50 ms", "wer": "words wrong"}
EQUAL = ("case", "weights", "samples", "loudest", "greatest difference")


@dataclass(frozen=True)
class Told:
    """The main figure in a few words, tables, the protocol in a line, and the machine, where the file names it."""

    brief: str
    sheets: Sequence[Sheet]
    protocol: str
    machine: Mapping[str, Any] | None = None


def told(file: str, results: Any) -> Told | None:
    """What a file says; nothing where its kind is not known. `file` is its name without the ending."""
    if isinstance(results, list):
        return equal(results) if results and all({*EQUAL} <= {*one} for one in results) else None
    for keys, kind in KINDS.items():
        if isinstance(results, dict) and {*keys} <= {*results}:
            return kind({**results, "file": file})
    return None


def compounding(results: Results) -> Told:
    """Of `sepdiar eval compounding`: what each stage costs."""
    cells = {one["name"]: one["figures"] for one in results["cells"]}
    parts = []
    for key in ("cpwer", "der", "si_sdr_overlap"):
        if key in results["shares"]:
            share = results["shares"][key]
            worst = max(share, key=lambda role: share[role]["value"])
            ends = (number(cells[name][key]["value"]) for name in ("oracle", "system"))
            unit = results["units"][key]
            parts.append(f"{unit['title']} {' to '.join(ends)} {unit['unit']}, of which {worst} {cell(share[worst])}")
    return Told("; ".join(parts), [next(costs.sheets(results))], f"{_counted(results)}: {results['protocol'][0]}", _on(results))


def overlap(results: Results) -> Told:
    """Of `sepdiar eval overlap`: what separation gains and costs."""
    there = [key for key in raj.FIGURES if results["chains"][0]["figures"][key]["value"] is not None]
    gains = results["chains"][1]["gains"]
    units = results["units"]
    shown = (f"{units[key]['title']} {cell(gains[key])} {units[key]['unit']}" for key in there if key != "leakage")
    brief = f"gain of separating {results['chains'][1]['name']}: {', '.join(shown)}"
    return Told(brief, list(raj.sheets(results)), f"{_counted(results)}: {_line(results['protocol'], 0, -1)}", _on(results))


def embedded(results: Results) -> Told:
    """Of the chain that ships, beside the baselines."""
    rows = [[one["group"], one["system"], *_cells(one)] for one in results["groups"] if one["system"] in CHAINS]
    first = next((one for one in results["groups"] if one["system"] == "embedded"), None)
    brief = ""
    if first:
        der, gain = (cell(first["figures"][key]) for key in ("der", "improvement"))
        brief = f"`embedded`, {first['group']}: DER {der} %, overlap improved by {gain} dB"
    if long := results.get("endurance"):
        refused = f", {long['refused']} refused" if long.get("refused") else ""
        rows.append([f"{long['hours']:g} hours{refused}", long["system"], *_cells(long)])
        brief += f"; {long['swaps']:g} swaps in {long['hours']:g} hours"
    sheet = Sheet("from one channel to two", ["dialogues", "system", *heads(HEARD)], rows)
    return Told(brief, [sheet], _line(results["protocol"], 0, 1, 2, -1), _on(results))


def longform(results: Results) -> Told:
    """Of speakers who shall keep their channels: dialogues with silences, and the hours."""
    shown = [one for one in results["cases"] if one["silences"] and one["way"] in ("ours", "stock")]
    brief = ""
    if long := results.get("endurance"):
        brief = f"{long['swaps']:g} swaps in {long['hours']:g} hours of talk, separator `{long['separator']}`, {long['way']}"
    return Told(brief, [hours.sheet({**results, "cases": shown})], _line(results["protocol"], 0, 7, -1), _on(results))


def speed(results: Results) -> Told:
    """Of the time and the memory that a recipe takes."""
    rows, timed = [], [row for row in results["rows"] if row["runs"]]
    for row in timed:
        pace = spread([run["audio"] / run["command"] for run in row["runs"]])
        peak = spread([run["memory"] for run in row["runs"]])
        rows.append([name_of(row), "yes" if row["words"] else "no", pace, peak])
    sheet = Sheet(f"recipe `{results['recipe']}`", ["recording", "words", "times real time", "peak MiB"], rows)
    longest = max(timed, key=lambda row: (row["files"] == 1, row["minutes"]), default=None)
    brief = ""
    if longest:
        _, _, pace, peak = rows[timed.index(longest)]
        brief = f"{name_of(longest)}: {pace} times real time in {peak} MiB"
    protocol = f"the whole command, speech of `{results['speech']}`; of several runs the median (least to most)"
    return Told(brief, [sheet], protocol, _on(results))


def calibration(results: Results) -> Told:
    """Of the error that a chain predicts for itself."""
    sheet, said = next(predictions.sheets(results)), results["protocol"]
    brief = "; ".join(f"{row[0]}: covered {row[3]} %, rank correlation {row[4]}" for row in sheet.rows)
    return Told(brief, [sheet], _line(said, *range(min(3, len(said)))), _on(results))


def separators(results: Results) -> Told:
    """Of separators beside the calls of their own packages."""
    lines = [line.removeprefix("- ") for line in goals(results["cells"])]
    done = sum("seconds" in one for one in results["cells"])
    sheet = Sheet("separators: ours against the package's own call", ["what was found"], [[line] for line in lines])
    return Told(f"{done} cells of separators timed", [sheet], "same weights, same machine; see separators.md")


def backends(results: Results) -> Told:
    """Of diarizers and recognisers beside the calls of their own packages."""
    timed: Sequence[Results] = results["calls"]
    times = {one["backend"]: found for one in timed if (found := calls.times(one, timed)) is not None}  # of the longest
    brief = ", ".join(f"{name} {found:.3g} x its package's call" for name, found in times.items())
    lines = [[line.removeprefix("- ")] for line in calls.goals(timed)]
    sheet = Sheet("diarizers and recognisers: ours against the package's own call", ["what was found"], lines)
    return Told(brief or f"{len(timed)} calls of backends timed", [sheet], "same random weights, same machine; see backends.md")


def score(results: Results) -> Told:
    """Of `sepdiar score ... --json`: all recordings together, and how they spread."""
    each = [100 * one["value"] for one in results["sessions"].values() if one["value"] is not None]
    name, value = SCORED.get(results["metric"], results["metric"]), f"{100 * results['value']:.1f}"
    row = [results["file"], name, value, f"{median(each):.1f} ({min(each):.1f} to {max(each):.1f})", str(len(each))]
    columns = ["file", "figure, %", "together", "of one recording: median (least to most)", "recordings"]
    return Told(f"{results['file']}: {value} %", [Sheet("scored", columns, [row])], f"{name}: {results['protocol']}")


def equal(results: Sequence[Results]) -> Told:
    """Of two networks that should be one."""
    rows = [
        [one["case"], f"{one['weights']:,}", f"{one['samples']:,}", f"{one['loudest']:.3g}", f"{one['greatest difference']:.2g}"]
        for one in results
    ]
    most = max(one["greatest difference"] / one["loudest"] for one in results)
    sheet = Sheet("ours and theirs", ["case", "weights", "samples", "loudest sample", "greatest difference"], rows)
    brief = f"they differ by {most:.0e} of the loudest sample at most" if most else "they do not differ"
    return Told(brief, [sheet], "the same random weights in both, float32")


def meeting(results: Results) -> Told:
    """Of a benchmark of meetings: ours, the first figure of each table, above the published rows."""
    sheets = [Sheet(one.title, one.heads, [row for row in one.rows if row[0][:2] != "- "]) for one in pages.sheets(results)]
    table = results["tables"][0]
    first, last = table["columns"][0], table["columns"][-1]
    row = table["rows"][0]
    figures = (f"{key} {pages.cell(row['figures'].get(key))}" for key in dict.fromkeys((first, last)))
    brief = f"{row['system'].rpartition(': ')[2]}: {', '.join(figures)} %"
    facts = f"{results['split']}, {len(results['recordings'])} recordings, recipe `{results['recipe']['name']}`"
    return Told(brief, sheets, "; ".join([facts, *results["protocol"]]), _on(results))


def two_speakers(results: Results) -> Told:
    """Of a benchmark of two speakers: ours above the published rows."""
    one = results["figures"]["si_sdr_improvement"]
    low, high = one["interval"]
    brief = f"`{results['separator']['name']}`: SI-SDRi {one['value']:.1f} ({low:.1f} to {high:.1f}) dB"
    sheet = pairs.sheet(results, shipped.reference(results["benchmark"]).rows)
    return Told(brief, [sheet], pairs.part(results), _on(results))


def _cells(one: Results) -> Iterable[str]:
    return (cell(one["figures"][key]) for key in HEARD)


def _counted(results: Results) -> str:
    return f"{len(results['recordings'])} recordings, {results['seconds'] / 3600:.2f} hours"


def _line(protocol: Sequence[str], *places: int) -> str:
    return "; ".join(protocol[place] for place in places)


def _on(results: Results) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = results["machine"]
    return facts


KINDS: Mapping[tuple[str, ...], Callable[[Results], Told]] = {
    ("cells", "costs", "shares", "machine"): compounding,
    ("chains", "published", "machine"): overlap,
    ("benchmark", "tables", "machine"): meeting,
    ("benchmark", "figures", "separator", "machine"): two_speakers,
    ("cases", "groups", "goals", "machine"): embedded,
    ("cases", "material", "protocol", "machine"): longform,
    ("rows", "checks", "recipe", "machine"): speed,
    ("targets", "coverage", "machine"): calibration,
    ("cells", "floors"): separators,
    ("calls",): backends,
    ("metric", "value", "sessions", "protocol"): score,
}
"""What stands in a file of each kind -> what it says."""
