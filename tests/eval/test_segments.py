"""The figures of a segmenter: of all windows together, with intervals around them, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sepdiar.evaluation.segments import HARDER, intervals, main
from sepdiar.testing import voices

WINDOW = {"missed": 0.0, "invented": 0.0, "confused": 0.0, "spoken": 100.0, "turns": 4.0, "onsets_50ms": 2.0}


def test_windows_count_by_what_is_spoken_in_them() -> None:
    rows = [{**WINDOW, "missed": 10.0 * number, "spoken": 100.0 * (1 + number)} for number in range(4)]
    found = intervals(rows)
    assert found["missed"]["value"] == found["der"]["value"] == 0.06
    assert found["missed"]["interval"][0] < 0.06 < found["missed"]["interval"][1] < 0.075
    assert found["onsets_50ms"] == {"value": 0.5, "interval": (0.5, 0.5)}
    assert found == intervals(rows)


def test_the_command_measures_every_condition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = voices(tmp_path, speakers=3, utterances=4)
    header, *rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join([f"{header}\tsplit", *(f"{row}\tdev" for row in rows)]) + "\n")
    assert main(["--speech", str(manifest), "--cache", str(tmp_path / "cache"), "--windows", "2"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["windows"], result["speakers"], set(result["figures"])) == (2, 3, set(HARDER))
    for figures in result["figures"].values():
        low, high = figures["der"]["interval"]
        assert 0 <= low <= figures["der"]["value"] <= high
