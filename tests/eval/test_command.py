"""What the commands of this room share: a refusal instead of a traceback, and the verdict on two networks that should be one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sepdiar.errors import SOME_FAILED
from sepdiar.evaluation import beside, recognizer, tdanet


@pytest.mark.parametrize(
    ("main", "words", "code"),
    [
        (tdanet.main, ["--source", "nowhere"], "SD250"),
        (recognizer.main, ["--speech", "x.tsv", "--recognizer", "nobody"], "SD201"),
    ],
)
def test_a_refusal_is_said_with_what_mends_it(
    main: Callable[[list[str]], int], words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) > SOME_FAILED
    first, second = capsys.readouterr().err.splitlines()
    assert code in first and second.split()[0] == "mend"


@pytest.mark.parametrize(("error", "verdict"), [(1e-5, 0), (1e-3, SOME_FAILED)])
def test_two_networks_are_one_up_to_rounding(
    error: float, verdict: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = torch.tensor([0.5, -1.0])
    assert beside.compared(["one"], lambda name: {"case": name, **beside.apart(theirs + error, theirs)}, tmp_path) == verdict
    rows = json.loads((tmp_path / "results.json").read_text())
    assert rows == [json.loads(capsys.readouterr().out)]
    assert (rows[0]["loudest"], rows[0]["greatest difference"]) == pytest.approx((1, error), rel=0.01)
