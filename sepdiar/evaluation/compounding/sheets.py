"""The tables of `sepdiar eval compounding`, from results.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sepdiar.evaluation.page import Sheet, cell, head, number

WHO = ("der", "jer", "counted", "onsets", "offsets", "onset_median", "onset_p90", "wrong_speaker")
FLOOR = ("transfer_median", "transfer_distance", "backchannels", "overlaps", "overlaps_invented", "takeovers", "others")
SOUND = ("si_sdr_clean", "si_sdr_overlap", "improvement", "sdr", "leakage", "swaps")
WORDS = ("cpwer", "tcpwer", "orcwer", "wer_clean", "wer_overlap")
PARTS = (("who speaks when", WHO), ("the floor", FLOOR), ("what is heard", SOUND), ("words", WORDS))
MAIN = ("der", "onsets", "wrong_speaker", "transfer_distance", *SOUND[:2], "leakage", "cpwer", "tcpwer", "takeovers")
BRIEF = ("der", "onsets", "si_sdr_clean", "si_sdr_overlap", "leakage", "swaps", "cpwer", "orcwer", "wer_clean", "wer_overlap")


def sheets(results: Mapping[str, Any]) -> Iterator[Sheet]:
    """What each role costs; the cells; the other ways."""
    yield _costs(results)
    for what, keys in PARTS:
        there = [key for key in keys if any(one["figures"][key]["value"] is not None for one in results["cells"])]
        if there:
            heads = ["the system's", *(title(results, key) for key in there)]
            rows = [[one["name"], *(cell(one["figures"][key]) for key in there)] for one in results["cells"]]
            yield Sheet(f"{what}, {len(results['recordings'])} recordings", heads, rows)
    if results["ways"]:
        there = [key for key in BRIEF if any(one["figures"][key]["value"] is not None for one in results["cells"])]
        both = [one for one in results["cells"] if one["name"] in ("oracle", "system")] + list(results["ways"])
        rows = [[one["name"], *(number(one["figures"][key]["value"]) for key in there)] for one in both]
        yield Sheet("other orders and baselines, all stages the system's", ["way", *(title(results, key) for key in there)], rows)


def _costs(results: Mapping[str, Any]) -> Sheet:
    roles: Sequence[str] = results["roles"]
    cells = {one["name"]: one["figures"] for one in results["cells"]}
    heads = ["figure", "truth", "system", *(f"{role} alone" for role in roles), "only together"]
    heads += [f"{role}'s share" for role in roles]
    rows = []
    for key in MAIN:
        if key not in results["costs"]:
            continue
        cost = results["costs"][key]
        ends = [number(cells[name][key]["value"]) for name in ("oracle", "system")]
        named = [f"alone {role}" for role in roles], ["combined"], [f"shapley {role}" for role in roles]
        rows.append([title(results, key), *ends, *(cell(cost[name]) for part in named for name in part)])
    return Sheet("what each stage costs (above 0: for the worse)", heads, rows)


def title(results: Mapping[str, Any], key: str) -> str:
    """What the column of a figure is called."""
    return head(results["units"][key]["title"], results["units"][key]["unit"])


def chain_of(results: Mapping[str, Any]) -> str:
    """Who does what in the system's chain."""
    return ", ".join(f"{key} {value}" for key, value in results["settings"].items() if key.endswith(".backend"))


def notes(results: Mapping[str, Any]) -> list[str]:
    """Markdown: what was left out and refused, the machine, the protocol."""
    lines = [f"- left out: {why}" for why in results["left_out"]]
    for one in results["recordings"]:
        for why in dict.fromkeys(one["failures"].values()):
            refused = [name for name, reason in one["failures"].items() if reason == why]
            lines.append(f"- refused: {one['name']} by {', '.join(refused)}: {why}")
    facts = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    chain = f"{len(results['recordings'])} recordings, {results['seconds'] / 3600:.2f} hours; {chain_of(results)}."
    where = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}, {packages}."
    return [*lines, "", f"{chain} {facts['date']}, on {where}", "", *(f"- {one}" for one in results["protocol"])]
