"""Which input becomes which item: by content, in whatever order, and quickly the second time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sepdiar import ledger as room
from sepdiar.audio.inputs import Input
from sepdiar.engine import Stop
from sepdiar.errors import SepdiarError
from sepdiar.ledger import Ledger, Survey


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, record: Callable[..., Path]) -> list[Input]:
    """Six files, three contents, one that is missing, two that look alike to the user."""
    folder = tmp_path_factory.mktemp("in")
    made = [
        Input(record(folder / f"{name}.wav", seed=seed), f"in/{name}.wav")
        for name, seed in zip("abcde", (1, 2, 1, 3, 2), strict=True)
    ]
    made += [Input(folder / "missing.wav", "in/missing.wav"), Input(record(folder / "x" / "a.wav", seed=1), "in/a.wav")]
    return made


def seen(survey: Survey) -> tuple[Any, ...]:
    jobs = sorted((job.id, job.path) for job in survey.jobs)
    return jobs, sorted((failure.id, failure.path, failure.code) for failure in survey.failures)


@given(order=some.permutations(range(7)))
def test_the_order_does_not_matter(order: list[int], files: list[Input]) -> None:
    survey = Ledger().survey([files[index] for index in order], set(), Stop())
    assert seen(survey) == seen(Ledger().survey(files, set(), Stop()))
    assert len({row.id for row in survey.rows}) == len(files) == len(survey.jobs) + len(survey.failures)


def test_one_item_a_content_and_a_reason_for_the_others(files: list[Input]) -> None:
    jobs, failures = seen(Ledger().survey(files, set(), Stop()))
    assert [path for _, path in jobs] == ["in/a.wav", "in/b.wav", "in/d.wav"]
    assert [(path, code) for _, path, code in sorted(failures, key=lambda failure: failure[1:])] == [
        ("in/a.wav", "SD122"),
        ("in/c.wav", "SD122"),
        ("in/e.wav", "SD122"),
        ("in/missing.wav", "SD101"),
    ]


def test_an_item_that_is_there_stays_the_one_for_its_content(files: list[Input]) -> None:
    item = next(job.id for job in Ledger().survey(files[2:3], set(), Stop()).jobs)
    assert item.startswith("c-")
    jobs, failures = seen(Ledger().survey(files, {item}, Stop()))
    assert (item, "in/c.wav") in jobs
    assert [path for _, path, code in failures if code == "SD122"].count("in/a.wav") == 2


def test_what_did_not_change_is_not_read_again(
    tmp_path: Path, record: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    really = room.content_hash
    monkeypatch.setattr(room, "content_hash", lambda path: (read.append(path), really(path))[1])
    monkeypatch.setattr(room, "RECENT", -1.0)
    inputs = [Input(record(tmp_path / "a.wav"), "a.wav"), Input(record(tmp_path / "b.wav"), "b.wav")]
    ledger = Ledger()
    ledger.update(ledger.survey(inputs, set(), Stop()))
    (tmp_path / "inputs.log").write_text(ledger.text())
    ledger = Ledger.read(tmp_path / "inputs.log")
    record(tmp_path / "b.wav", seed="other")
    again = ledger.survey(inputs, set(), Stop())
    assert read == [inputs[0].file, inputs[1].file, inputs[1].file]
    assert len(again.outdated) == 1 and next(iter(again.outdated)).startswith("b-")


def test_a_file_that_changed_just_now_is_read_again(tmp_path: Path, record: Callable[..., Path]) -> None:
    file = record(tmp_path / "a.wav")
    assert not Ledger().survey([Input(file, "a.wav")], set(), Stop()).rows[0].settled
    os.utime(file, (time.time() - 100,) * 2)
    assert not Ledger().survey([Input(file, "a.wav")], set(), Stop()).rows[0].settled  # the time of change is now


@pytest.mark.parametrize("text", ["", "not json\n", '{"file": 3}\n', "[]\n"])
def test_a_damaged_ledger_is_an_empty_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "inputs.log").write_text(text)
    assert Ledger.read(tmp_path / "inputs.log").rows == {}


def test_reading_the_inputs_can_be_stopped(files: list[Input]) -> None:
    stop = Stop()
    stop.drain = True
    with pytest.raises(SepdiarError, match="SD903"):
        Ledger().survey(files, set(), stop)
