"""The one page of all results: it is what the folders say now, knows each kind of results, and hides none.

That the page knows what a command writes today is asked where that command is tested.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sepdiar.evaluation.compounding.figures import SHOWN
from sepdiar.evaluation.figures import FIGURES
from sepdiar.evaluation.speed_table import BEGIN, END
from sepdiar.evaluation.summary.__main__ import main
from sepdiar.evaluation.summary.page import summary

ROOT = Path(__file__).resolve().parents[2] / "eval"
MACHINE = {
    "processor": "an abacus",
    "cores": 1,
    "memory_gib": 0.1,
    "load": 0.0,
    "system": "beads",
    "python": "3.11.0",
    "packages": {"sepdiar": "0"},
    "date": "2026-01-02",
}


def known(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 1, "high": value + 1}


def cell(name: str, value: float) -> dict[str, Any]:
    return {"name": name, "figures": {key: known(value) for key in SHOWN}}


def cost() -> dict[str, Any]:
    alone, share = {"alone separation": known(1.0)}, {"shapley separation": known(2.0)}
    return {**alone, **share, "combined": known(0.5)}


UNITS = {key: {"title": one.title, "unit": one.unit, "better": one.better} for key, one in SHOWN.items()}
INVENTED: dict[str, tuple[Any, str]] = {
    "compounding": (
        {
            "roles": ["separation"],
            "cells": [cell("oracle", 1.5), cell("system", 31.5)],
            "costs": {"cpwer": cost()},
            "shares": {"cpwer": {"separation": known(2.0)}},
            "units": UNITS,
            "recordings": [{}],
            "seconds": 3600,
            "ways": [],
            "protocol": ["mixed down"],
        },
        "cpWER 1.5 to 31.5 %, of which separation 2.0 (1.0 to 3.0)",
    ),
    "overlap": (
        {
            "chains": [{**cell(name, 3.0), "gains": {key: known(4.5) for key in SHOWN}} for name in ("masking", "overlap alone")],
            "units": UNITS,
            "published": {"source": "Raj", "protocol": "theirs", "clean": [11.2, 12.4], "overlap": [27.1, 13.4]},
            "recordings": [{}],
            "seconds": 3600,
            "protocol": ["three chains", "turns: the true ones"],
        },
        "SI-SDR overlap 4.5 (3.5 to 5.5) dB",
    ),
    "embedded": (
        {
            "cases": [],
            "goals": [],
            "groups": [{"group": "2 min", "system": "embedded", "figures": {key: known(7.5) for key in FIGURES}}],
            "endurance": {
                "system": "embedded",
                "hours": 5.0,
                "swaps": 3.0,
                "refused": 2,
                "figures": {key: known(8.5) for key in FIGURES},
            },
            "protocol": ["a", "b", "c", "d"],
        },
        "| 5 hours, 2 refused | embedded | 8.5 (7.5 to 9.5) |",
    ),
    "speed": (
        {
            "recipe": "masking",
            "speech": "songs",
            "checks": [],
            "rows": [
                {
                    "minutes": 10.0,
                    "files": 1,
                    "workers": 1,
                    "words": False,
                    "runs": [{"audio": 600.0, "command": 20.0, "memory": 400}],
                },
                {"minutes": 60.0, "files": 1, "workers": 1, "words": False, "runs": []},
            ],
        },
        "10 min: 30.0 times real time in 400.0 MiB",
    ),
    "calibration": (
        {
            "targets": {
                "der": {"recordings": 9, "mean": 0.1, **{key: known(0.5) for key in ("covered", "rank", "off", "width")}}
            },
            "coverage": 0.8,
            "weights": {},
            "protocol": ["halves", "both ways"],
        },
        "rank correlation 0.50 (-0.50 to 1.50)",
    ),
    "ami": (
        {
            "benchmark": "ami",
            "split": "test",
            "recipe": {"name": "ours"},
            "recordings": [{}, {}],
            "tables": [
                {
                    "title": "AMI: who speaks when, %",
                    "columns": ["sdm"],
                    "rows": [
                        {"system": "sepdiar: DER", "figures": {"sdm": known(40.0)}, "protocol": "no collar", "source": ""},
                        {"system": "- missed", "figures": {"sdm": known(12.3)}, "protocol": "as above", "source": ""},
                        {"system": "theirs", "figures": {"sdm": {"value": 13.9}}, "protocol": "no collar", "source": "a paper"},
                    ],
                }
            ],
            "protocol": ["one microphone"],
        },
        "DER: sdm 40.0 (39.0 to 41.0) %",
    ),
    "whamr": (
        {
            "benchmark": "whamr",
            "title": "WHAMR!",
            "rate": 8000,
            "scored_rate": 8000,
            "mode": "min",
            "split": "tt",
            "condition": "mix_both_reverb",
            "mixtures": 2,
            "of": 3,
            "separator": {"name": "compact"},
            "figures": {f"{kind}_improvement": {"value": 6.25, "interval": [6.0, 6.6]} for kind in ("si_sdr", "sdr")},
        },
        "`compact`: SI-SDRi 6.2 (6.0 to 6.6) dB",
    ),
    "masking": (
        {
            "metric": "der",
            "value": 0.25,
            "protocol": "no collar",
            "sessions": {str(one): {"value": one} for one in (0.1, 0.2, 0.9)},
        },
        "| results | DER | 25.0 | 20.0 (10.0 to 90.0) | 3 |",
    ),
    "tdanet": (
        [{"case": "tiny", "weights": 5263, "samples": 701, "loudest": 2.0, "greatest difference": 1e-6}],
        "they differ by 5e-07 of the loudest sample at most",
    ),
}


def test_the_page_is_what_the_folders_say_now() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert page.split(BEGIN)[1].split(END)[0].strip() == summary(ROOT), "renew it: python -m sepdiar.evaluation.summary"


@pytest.mark.parametrize("name", INVENTED)
def test_each_kind_of_results_is_told_in_its_main_figures(name: str, tmp_path: Path) -> None:
    results, expected = INVENTED[name]
    (tmp_path / name).mkdir()
    facts = {**results, "machine": MACHINE} if isinstance(results, dict) and name != "masking" else results
    (tmp_path / name / "results.json").write_text(json.dumps(facts))
    text = summary(tmp_path)
    assert expected in text and "does not know" not in text
    assert ("2026-01-02, on an abacus" in text) == (facts is not results)
    if name == "ami":
        assert "theirs | 13.9" in text and "12.3" not in text, "published rows below ours; parts are on the folder's own page"


def test_a_benchmark_that_nobody_measured_shows_what_others_published(tmp_path: Path) -> None:
    (tmp_path / "whamr").mkdir()
    (tmp_path / "whamr" / "reference.toml").write_text((ROOT / "whamr" / "reference.toml").read_text())
    text = summary(tmp_path)
    assert "not measured: the data are the user's |" in text and "    sepdiar eval whamr DATA" in text
    assert "| Conv-TasNet | 8.3 | 8 kHz, min, tt" in text and "LDC93S6A" in text


def test_what_is_not_known_is_named_and_a_folder_says_itself_what_it_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "whistles"
    folder.mkdir()
    (folder / "README.md").write_text("# Do whistles count?\n\nprose\n\n    pip install it\n    sepdiar eval whistles  # so\n")
    (folder / "odd.json").write_text('{"loud": 3}')
    (tmp_path / "README.md").write_text(f"# Mine\n\n{BEGIN}\n{END}\nlast words\n")
    assert main(["--eval", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "## [whistles](whistles/README.md): Do whistles count?\n\n    sepdiar eval whistles" in text
    assert "- [odd.json](whistles/odd.json): results of a kind that this page does not know" in text
    assert text.startswith("# Mine") and text.endswith("last words\n")
    (folder / "odd.json").write_text('{"loud"')
    assert main(["--eval", str(tmp_path)]) > 0 and "SD203" in capsys.readouterr().err
    assert main(["--eval", str(tmp_path / "nowhere")]) > 0 and "SD101" in capsys.readouterr().err
