"""The tables of `eval/embedded/README.md` and of the terminal, from results.json alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sepdiar.evaluation.figures import heads
from sepdiar.evaluation.page import Sheet, cell, number

WHO = ("der", "miss", "false_alarm", "confusion", "counted", "onsets", "wrong_speaker")
HEARD = (
    "si_sdr_clean",
    "si_sdr_overlap",
    "mixture_overlap",
    "improvement",
    "leakage",
    "swaps",
    "swapped",
    "undecided",
    "clean_same",
    "copied_changed",
    "kept",
    "speed",
)
BRIEF = ("der", "onsets", "counted", "si_sdr_clean", "si_sdr_overlap", "improvement", "leakage", "swaps", "clean_same", "speed")


def sheets(results: Mapping[str, Any]) -> Iterator[Sheet]:
    """For each group who speaks when and what is heard, with intervals; then every case in one line; then the hours."""
    groups: Sequence[Mapping[str, Any]] = results["groups"]
    for name in dict.fromkeys(row["group"] for row in groups):
        own = [row for row in groups if row["group"] == name]
        recordings = sum(
            len(case["recordings"]) for case in results["cases"] if (case["group"], case["system"]) == (name, own[0]["system"])
        )
        for what, keys in (("who speaks when", WHO), ("what is heard", HEARD)):
            rows = [[row["system"], *_cells(row, keys)] for row in own]
            yield Sheet(f"{name}, {recordings} recording{'s' * (recordings != 1)}: {what}", ["system", *heads(keys)], rows)
    cases = sorted(
        results["cases"], key=lambda case: list(dict.fromkeys(one["case"] for one in results["cases"])).index(case["case"])
    )
    rows = [[case["case"], case["system"], *_cells(case, BRIEF, intervals=False)] for case in cases]
    yield Sheet("every case (intervals are in results.json)", ["case", "system", *heads(BRIEF)], rows)
    if long := results.get("endurance"):
        each = [[case["case"], *_cells(case, BRIEF, intervals=False)] for case in long["cases"]]
        whole = [[name, *_cells(made, BRIEF)] for name, made in (("all", long), ("all that were not refused", long["done"]))]
        yield Sheet(f"{long['hours']:g} hours of {long['system']}", ["dialogue", *heads(BRIEF)], each + whole)


def notes(results: Mapping[str, Any]) -> list[str]:
    """Markdown: goals, what was left out, what was refused, the machine, the models."""
    lines = [
        f"- {'holds' if goal['holds'] else '**does not hold**'}: {goal['what']} ({goal['case']}), embedded: "
        f"{cell(goal)} %, goal {goal['goal']}"
        for goal in results["goals"]
    ]
    lines += [f"- {line}" for line in steady(results["cases"])]
    if long := results.get("endurance"):
        verdict = "**does not hold**" if long["swaps"] else "holds"
        rates = f"{long['low']:.2g} to {long['high']:.2g} an hour (95 %, Poisson)"
        lines.append(
            f"- {verdict}: {long['swaps']:g} swaps in {long['hours']:g} hours of clean dialogue, {long['recordings']} "
            f"recordings, {long['system']}: {rates}, goal 0; their DER {cell(long['figures']['der'])} %, onsets within 50 ms "
            f"{cell(long['figures']['onsets'])} %"
        )
    lines += [f"- left out: `{name}`: {why}" for name, why in results["left_out"].items()]
    for case in results["cases"]:
        lines += [
            f"- refused: `{case['system']}` on {case['case']} {row['recording']}: {row['failure']}"
            for row in case["recordings"]
            if row["failure"]
        ]
    return [*lines, "", *_machine(results), "", *(f"- {one}" for one in results["protocol"])]


def steady(cases: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """In how many recordings of each group that were written nobody changed channel."""
    rows: dict[str, list[float]] = {}
    for case in cases:
        if case["system"] == "embedded":
            done = (row["counts"]["swaps"] for row in case["recordings"] if "swaps" in row["counts"])
            rows.setdefault(case["group"], []).extend(done)
    for group, swaps in rows.items():
        kept = f"{swaps.count(0)} of {len(swaps)} recordings of `embedded`"
        yield f"{group}: nobody changed channel in {kept}, {sum(swaps):g} swaps in all"


def _machine(results: Mapping[str, Any]) -> list[str]:
    facts, made = results["machine"], results["material"]
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    models = "; ".join(f"`{name}` {' and '.join(one[:12] for one in sha256)}" for name, sha256 in results["models"].items())
    spoken = f"`{made['manifest']}`" + (f", split {made['split']}" if made["split"] else "")
    return [
        f"{facts['date']}, on {facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, load {facts['load']}, "
        f"{facts['system']}, Python {facts['python']}, {packages}. Speech: {spoken}. Models: {models or 'none'}."
    ]


def _cells(row: Mapping[str, Any], keys: Iterable[str], intervals: bool = True) -> Iterator[str]:
    for key in keys:
        one = row["figures"][key]
        yield cell(one) if intervals else number(one["value"])
