"""The table of `eval/longform/README.md` and of the terminal, and the words below it, from results.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sepdiar.evaluation.figures import PROTOCOL as INTERVALS
from sepdiar.evaluation.longform.cases import EVERY, OVERLAP, SILENCES
from sepdiar.evaluation.longform.ways import STRIDE, WAYS
from sepdiar.evaluation.longform.work import LEAK, NOISE
from sepdiar.evaluation.page import Sheet, cell
from sepdiar.metrics.swaps import PROTOCOL as SWAPS

GOAL_HOURS = 20.0
PROTOCOL = (
    f"dialogues of two, simulated, {100 * OVERLAP:g} % of the speech in overlap; with silences: about one for every {EVERY:g} "
    f"minutes of talk, {SILENCES[0]:g} to {SILENCES[1]:g} s of digital silence where nobody speaks, the first the longest",
    f"oracle: the true channels of each window of 8 s, {LEAK:g} of each voice in the other's source, noise of {NOISE:g} of the "
    "mixture's level, the two in an order drawn anew for each window, heard without a model of voices",
    "compact: the separator that ships, windows of 9 s, its context, anchors, voices and doubt as in the default recipe",
    *(f"{name}: {about}" for name, about in WAYS.items()),
    "who speaks is told by the truth, unless `--diarizer` names another; the stock way does not ask. It hears the same length of "
    f"window, each {STRIDE:g} of it after the one before, and takes its middle",
    f"swaps: {SWAPS}; hours are those of the talk, silences put in do not count",
    "SI-SDR: mean over channels, each from -100 to 100 dB, assigned once a recording; clean: where in truth the channel's "
    "speaker alone speaks; overlap: where both do",
    "leakage: energy of a channel where only the other speaks, over that of the other, energies added up",
    "clean kept: of the samples in which one alone speaks, the share that their channel has from the input bit for bit",
    "sum off by: the largest difference between the sum of the two channels as written and the input, in steps of 16 bits",
    "peak MiB: the highest resident memory of the process that separates and assembles all recordings of a row, one after the "
    "other; times real time: seconds of recording over its processor seconds, start-up and the oracle itself included",
    INTERVALS,
)
COLUMNS = ("swaps", "swapped", "undecided", "si_sdr_clean", "si_sdr_overlap", "leakage")
HEADS = (
    "talk",
    "separator",
    "way",
    "swaps an hour",
    "swapped, %",
    "undecided, %",
    "SI-SDR clean, dB",
    "SI-SDR overlap, dB",
    "leakage, dB",
    "clean kept, %",
    "sum off by",
    "peak MiB",
    "times real time",
)


def sheet(results: Mapping[str, Any]) -> Sheet:
    """Every case in one line."""
    return Sheet("windows joined our way and the stock way", HEADS, [list(_cells(entry)) for entry in results["cases"]])


def notes(results: Mapping[str, Any]) -> list[str]:
    """Markdown: the goal, the machine, the protocol."""
    return [*_endurance(results), "", *_machine(results), "", *(f"- {one}" for one in results["protocol"])]


def _cells(entry: Mapping[str, Any]) -> Iterator[str]:
    several = f"{entry['dialogues']} x " if entry["dialogues"] > 1 else ""
    yield f"{several}{entry['minutes']:g} min{' and silences' if entry['silences'] else ''}"
    yield from (entry["separator"], entry["way"])
    yield from (cell(entry["figures"][key]) for key in COLUMNS)
    yield _share(entry["figures"]["clean_same"]["value"])
    yield f"{entry['difference']:.0f}"
    yield f"{entry['cost']['memory']:.0f}"
    yield cell(entry["figures"]["speed"])


def _share(value: float | None) -> str:
    """A percentage that is 100 only where nothing is missing.

    >>> _share(100.0), _share(99.9996), _share(0.0012)
    ('100', '99.999', '0.001')
    """
    if value is None:
        return "-"
    return f"{min(value, 99.999):.3f}" if 0 < value < 100 else f"{value:g}"


def _endurance(results: Mapping[str, Any]) -> Iterator[str]:
    if not (long := results.get("endurance")):
        return
    verdict = "**does not hold**" if long["swaps"] else "holds" if long["hours"] >= GOAL_HOURS else "holds so far"
    figures = long["figures"]
    kind = f"{long['recordings']} recordings of {long['minutes']:g} minutes of talk and silences"
    yield (
        f"{verdict}: {long['swaps']:g} swaps in {long['hours']:g} hours of dialogue "
        f"({long['hours_of_recording']:.1f} hours of recording), goal 0 in {GOAL_HOURS:g}: "
        f"`{long['separator']}`, {long['way']}, {kind}, "
        f"{long['low']:.2g} to {long['high']:.2g} an hour (95 %, Poisson), {long['pieces']:g} pieces of overlap, "
        f"{long['undecided']:g} of them undecided; SI-SDR in overlap {cell(figures['si_sdr_overlap'])} dB, clean kept "
        f"{_share(figures['clean_same']['value'])} %, sum off by {long['difference']:.0f}, peak {long['memory']:.0f} MiB."
    )


def _machine(results: Mapping[str, Any]) -> Iterator[str]:
    facts, material = results["machine"], results["material"]
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    models = {name: sha256 for entry in results["cases"] for name, sha256 in entry["models"].items()}
    spoken = f"`{material['manifest']}`" + (f", split {material['split']}" if material["split"] else "")
    yield (
        f"{facts['date']}, on {facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, load {facts['load']}, "
        f"{facts['system']}, Python {facts['python']}, {packages}. Speech: {spoken}. Models: "
        f"{'; '.join(f'`{name}` {sha256[:12]}' for name, sha256 in models.items()) or 'none'}."
    )
