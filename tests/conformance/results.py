"""RESULTS.md from what pytest reports: `python tests/conformance/results.py REPORT.xml ...`, of a later report the later word.

`make conformance` makes both. A test belongs to the ids in its name (`test_f1_...`), or else to all those in its file's name.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
HAZARDS = {
    "F1": "killed at a call that changes something, parent or worker",
    "F2": "the disk refuses such a call: ENOSPC, EDQUOT, EIO, EMFILE",
    "F3": "SIGKILL, SIGTERM, SIGINT at a random moment",
    "F4": "power loss: what was not synced is gone, or half there",
    "F5": "a disk that is really full, a limit on the size of files",
    "F6": "malformed audio",
    "F7": "good but odd audio",
    "F8": "bytes of strangers in every parser, damaged sound in the decoder's process",
    "F9": "8 hours, files of more than 4 GiB, headers that lie",
    "F10": "workers that die, poison",
    "F11": "what hangs",
    "F12": "a device without memory",
    "F13": "several processes on one run",
    "F14": "hostile names, files that are none",
    "F15": "another configuration, version, code, weights; a folder that is no run",
    "F16": "bit rot, missing files, state files that are something else",
    "F17": "any of these after any other",
    "S1": "poisoned checkpoints",
    "S2": "archives that write elsewhere",
    "S3": "manifests that lead outside, or name commands",
    "S4": "media that ask for other media",
    "S5": "tokens that leak",
    "S6": "markup in names and words, in the report",
    "S7": "a network that is not there",
    "S8": "known-bad versions of what we stand on",
    "D1": "the same bytes in any order, world, and number of workers",
    "D2": "the same bytes on a GPU",
}
ID = r"[FSD][1-9]\d*"


@dataclass
class Case:
    """What became of one test."""

    file: str
    name: str
    outcome: str
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return 0 if self.outcome == "skipped" else int(self.facts.get("cases", 1))

    @property
    def is_control(self) -> bool:
        return "control" in self.name


def ids(file: str, name: str = "") -> tuple[str, ...]:
    """The ids that a test is for, by its name or else by its file's.

    >>> ids("test_F1_F2_syscalls", "test_f2_too_many_open_files"), ids("test_f13_f15_f16_run"), ids("test_F05_disk")
    (('F2',), ('F13', 'F15', 'F16'), ('F5',))
    """
    for text in (name, file):
        if begins := re.match(r"test_((?:[fsd]\d+_)+)", text, re.IGNORECASE):
            return tuple(f"{one[0].upper()}{int(one[1:])}" for one in begins[1].split("_")[:-1])
    return ()


def read(reports: Iterable[Path]) -> list[Case]:
    """Every test of the reports that belongs to an id; of one that is in several, the last that was not skipped."""
    found: dict[tuple[str, str], Case] = {}
    for report in reports:
        for element in ElementTree.parse(report).iter("testcase"):
            file = element.get("classname", "").rpartition(".")[2]
            name = element.get("name", "")
            outcome = next((kind for kind in ("failure", "error", "skipped") if element.find(kind) is not None), "passed")
            facts = {one.get("name", ""): one.get("value", "") for one in element.iter("property")}
            if ids(file, name) and not (outcome == "skipped" and (file, name) in found):
                found[file, name] = Case(file, name, outcome, facts)
    return list(found.values())


def table(cases: Sequence[Case]) -> str:
    """A row an id, those that have no test included."""
    rows = ["| id | hazard | cases, fast | cases, slow | failed | skipped | negative control |", "|---|---|---|---|---|---|---|"]
    for id, hazard in HAZARDS.items():
        own = [case for case in cases if id in ids(case.file, case.name)]
        tests = [case for case in own if not case.is_control]
        fast, slow = (sum(case.count for case in tests if case.facts.get("suite", "fast") == suite) for suite in ("fast", "slow"))
        failed = sum(case.outcome in ("failure", "error") for case in own)
        skipped = sum(case.outcome == "skipped" for case in own)
        controls = Counter(map(_caught, (case for case in own if case.is_control)))
        told = "; ".join(f"{many} {words}" if many > 1 else words for words, many in controls.items())
        rows.append(f"| {id} | {hazard} | {fast or '-'} | {slow or '-'} | {failed} | {skipped} | {told or '-'} |")
    return "\n".join(rows)


def _caught(control: Case) -> str:
    if control.outcome != "passed":
        return control.outcome
    return f"{control.facts['caught']} of {control.facts['cases']} caught" if "caught" in control.facts else "caught"


def page(cases: Sequence[Case]) -> str:
    """The whole of RESULTS.md."""
    about = sorted(f"- {', '.join(ids(case.file, case.name))}: {case.facts['about']}" for case in cases if "about" in case.facts)
    measured = ["", "What some of them measured:", "", *about] if about else []
    words = f"""# What was tried, and what came of it

Made by `python tests/conformance/results.py` from pytest's reports (`make conformance`); nothing here is typed by hand.
A case is one fault that really happened, or one input; a test that counts none is one case. A test may stand for several ids.
Slow ones are run by `make test-slow`. A negative control is known to be wrong, and the same check has to catch it.

{table(cases)}"""
    return "\n".join([words, *measured]) + "\n"


if __name__ == "__main__":
    (HERE / "RESULTS.md").write_text(page(read(map(Path, sys.argv[1:]))), encoding="utf-8")
