"""Every rule of the reader, broken on purpose, is found by its name; and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sepdiar.errors import SepdiarError
from sepdiar.formats import moshi_rules
from sepdiar.formats.moshi_rules import RULES, validate_moshi
from sepdiar.formats.validate import validate

NOISE = np.random.default_rng(5).uniform(-0.5, 0.5, (8000, 2))
GOOD: dict[str, Any] = {
    "alignments": [
        ["hello", [0.1, 0.4], "SPEAKER_MAIN"],
        ["yes", [0.3, 0.35], "SPEAKER_USER"],
        ["so", [0.5, 1.0], "SPEAKER_MAIN"],
    ]
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that keeps every rule."""
    (tmp_path / "wav").mkdir()
    for name in "ab":
        soundfile.write(tmp_path / "wav" / f"{name}.wav", NOISE, 8000)
        (tmp_path / "wav" / f"{name}.json").write_text(json.dumps(GOOD))
    (tmp_path / "data.jsonl").write_text("".join(f'{{"path": "wav/{name}.wav", "duration": 1.0}}\n' for name in "ab"))
    return tmp_path


def found(folder: Path) -> set[str]:
    return {problem.rule for problem in validate_moshi(folder)}


def manifest(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "data.jsonl").write_text(text)


def audio(frames: np.ndarray, **settings: Any) -> Callable[[Path], object]:
    return lambda folder: soundfile.write(folder / "wav" / "a.wav", frames, 8000, **settings)


def words(*rows: Any, **more: Any) -> Callable[[Path], object]:
    return lambda folder: (folder / "wav" / "a.json").write_text(json.dumps({"alignments": list(rows), **more}))


def main(text: str, start: float, end: float, label: str = "SPEAKER_MAIN") -> list[Any]:
    return [text, [start, end], label]


def cut(folder: Path) -> None:
    soundfile.write(folder / "whole.flac", NOISE, 8000)
    (folder / "wav" / "a.wav").write_bytes((folder / "whole.flac").read_bytes()[:20_000])


def unlabelled(folder: Path) -> None:
    for name in "ab":
        (folder / "wav" / f"{name}.json").write_text(json.dumps({"alignments": [main("hm", 0.1, 0.2, "SPEAKER_00")]}))


NAN = np.where(np.arange(16000).reshape(8000, 2) == 9999, np.nan, NOISE)
ONE_LINE = '{"path": "wav/a.wav", "duration": 1.0}\n'
BREAKERS: list[tuple[str, Callable[[Path], object]]] = [
    ("manifest", lambda folder: (folder / "data.jsonl").unlink()),
    ("manifest", manifest("")),
    ("manifest.line", manifest(ONE_LINE + "{}\n")),
    ("manifest.line", manifest(ONE_LINE + "[]\n")),
    ("manifest.line", manifest(ONE_LINE + "nonsense\n")),
    ("manifest.line", manifest('{"path": "wav/a.wav", "duration": NaN}\n')),
    ("manifest.line", manifest('{"path": "wav/a.wav", "duration": "1.0"}\n')),
    ("manifest.once", manifest(ONE_LINE * 2)),
    ("manifest.only", lambda folder: (folder / "wav" / "other.jsonl").write_text(ONE_LINE)),
    ("path.inside", manifest('{"path": "../a.wav", "duration": 1.0}\n')),
    ("path.inside", lambda folder: manifest(json.dumps({"path": str(folder / "wav/a.wav"), "duration": 1.0}))(folder)),
    ("path.inside", manifest('{"path": "https://example.org/a.wav", "duration": 1.0}\n')),
    ("audio.there", lambda folder: (folder / "wav" / "a.wav").unlink()),
    ("audio.opens", lambda folder: (folder / "wav" / "a.wav").write_bytes(b"RIFF" + bytes(2000))),
    ("audio.opens", cut),
    ("audio.channels", audio(NOISE[:, 0])),
    ("audio.channels", audio(np.repeat(NOISE, 2, axis=1))),
    ("audio.finite", audio(NAN, subtype="FLOAT")),
    ("duration", manifest('{"path": "wav/a.wav", "duration": 1.1}\n')),
    ("sidecar.there", lambda folder: (folder / "wav" / "a.json").unlink()),
    ("sidecar.form", lambda folder: (folder / "wav" / "a.json").write_text("{")),
    ("sidecar.form", lambda folder: (folder / "wav" / "a.json").write_text("[]")),
    ("sidecar.form", lambda folder: (folder / "wav" / "a.json").write_text('{"words": []}')),
    ("sidecar.form", words(["hello", 0.1, 0.4, "SPEAKER_MAIN"])),
    ("sidecar.form", words(["hello", [0.1, float("nan")], "SPEAKER_MAIN"])),
    ("sidecar.form", words(["hello", [0.1, 0.2], None])),
    ("sidecar.conditions", words(main("hello", 0.1, 0.2), text_conditions=["happy"])),
    ("words.sorted", words(main("b", 0.5, 0.6), main("a", 0.1, 0.2))),
    ("words.length", words(main("hello", 0.4, 0.4))),
    ("words.inside", words(main("hello", 0.9, 1.1))),
    ("words.inside", words(main("hello", -0.1, 0.1))),
    ("words.text", words(main(" ", 0.1, 0.2))),
    ("words.label", words(main("hello", 0.1, 0.2, "speaker_main"))),
    ("words.label", unlabelled),
]


def test_a_good_folder_breaks_nothing(folder: Path) -> None:
    assert validate_moshi(folder) == []
    validate("moshi", folder).require()


@pytest.mark.parametrize(("rule", "breaks"), BREAKERS, ids=[rule for rule, _ in BREAKERS])
def test_each_rule_is_found_alone(folder: Path, rule: str, breaks: Callable[[Path], object]) -> None:
    breaks(folder)
    assert found(folder) == {rule}
    with pytest.raises(SepdiarError, match=f"SD501.*{rule}"):
        validate("moshi", folder).require()


def test_a_file_that_is_too_small(folder: Path) -> None:
    soundfile.write(folder / "wav" / "a.wav", NOISE[:100], 8000)
    manifest('{"path": "wav/a.wav", "duration": 0.0125}\n')(folder)
    words()(folder)
    assert found(folder) == {"audio.short"}


def test_a_file_that_is_too_long(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moshi_rules, "LONGEST", 0.9)
    assert found(folder) == {"audio.long"}


def test_a_link_that_leads_outside(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "a.wav"
    (folder / "wav" / "a.wav").rename(outside)
    (folder / "wav" / "a.wav").symlink_to(outside)
    assert found(folder) == {"path.inside"}


def test_every_rule_has_a_test() -> None:
    assert {rule for rule, _ in BREAKERS} | {"audio.short", "audio.long"} == set(RULES)


def test_formats_that_need_only_parse(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.rttm", tmp_path / "b.rttm"
    good.write_text("SPEAKER talk 1 0.5 1.0 <NA> <NA> A <NA> <NA>\n")
    validate("rttm", tmp_path).require()
    bad.write_text("SPEAKER talk 1 half\n")
    (problem,) = validate("rttm", tmp_path).problems
    assert problem.rule == "parses" and "b.rttm" in problem.where


@pytest.mark.parametrize(("format", "path", "code"), [("nothing", ".", "SD201"), ("moshi", "not/there", "SD101")])
def test_what_cannot_be_checked(format: str, path: str, code: str) -> None:
    with pytest.raises(SepdiarError, match=code):
        validate(format, path)
