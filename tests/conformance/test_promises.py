"""The README names tests by id; each of them is there, has a hazard, and a row among the results."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS: dict[str, Any] = runpy.run_path(str(HERE / "results.py"))


def tried() -> set[str]:
    """The ids that have tests, here and in the room of the report."""
    found: set[str] = set()
    for file in [*HERE.glob("test_*.py"), *HERE.parent.glob("reporting/test_*.py")]:
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            found |= set(RESULTS["ids"](file.stem, name))
    return found


def test_every_id_that_the_readme_promises_has_tests() -> None:
    readme = (HERE.parent.parent / "README.md").read_text(encoding="utf-8")
    promises = readme.partition("## What is promised")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in promises.splitlines() if line.startswith("| ") and "---" not in line]
    promised = set(re.findall(rf"\b{RESULTS['ID']}\b", " ".join(rows)))
    assert promised >= {"F1", "D1", "S3"} and promised <= tried()


def test_every_id_has_a_hazard_and_those_with_tests_a_result() -> None:
    assert tried() <= RESULTS["HAZARDS"].keys()
    results = (HERE / "RESULTS.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(): cells for line in results.splitlines() if len(cells := line.split("|")) == 9}
    assert {id for id in tried() if rows[id][3].strip() == rows[id][4].strip() == "-"} == set()
    assert {id: cells[5].strip() for id, cells in rows.items() if id in RESULTS["HAZARDS"]} == dict.fromkeys(
        RESULTS["HAZARDS"], "0"
    )


def _case(file: str, name: str, **facts: object) -> str:
    properties = "".join(f'<property name="{key}" value="{value}"/>' for key, value in facts.items())
    return f'<testcase classname="tests.x.{file}" name="{name}"><properties>{properties}</properties></testcase>'


def test_a_table_by_hand(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    cases = [
        _case("test_F1_F2_x", "test_f1_a[1]", cases=9),
        _case("test_F1_F2_x", "test_f1_b", suite="slow"),
        _case("test_F1_F2_x", "test_f1_control_c", cases=5, caught=4),
        _case("test_F1_F2_x", "test_c").replace("</testcase>", "<failure/></testcase>"),
        _case("test_other", "test_d"),
    ]
    report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    lines = RESULTS["table"](RESULTS["read"]([report])).splitlines()
    assert lines[2] == f"| F1 | {RESULTS['HAZARDS']['F1']} | 10 | 1 | 1 | 0 | 4 of 5 caught |"
    assert lines[3] == f"| F2 | {RESULTS['HAZARDS']['F2']} | 1 | - | 1 | 0 | - |"
