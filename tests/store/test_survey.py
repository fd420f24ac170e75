"""Which input becomes which item: by name and content alone, and quickly the second time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from sepdiar import survey as room
from sepdiar.audio.inputs import Input, named_recording
from sepdiar.audio.limits import Limits
from sepdiar.engine import Stop
from sepdiar.errors import SepdiarError
from sepdiar.ledger import Ledger
from sepdiar.survey import Survey, Verdict

Record = Callable[..., Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, record: Record) -> list[Input]:
    """Nine files: three contents, one that is missing, two that are empty, three of one name."""
    folder = tmp_path_factory.mktemp("in")
    paths = [record(folder / f"{name}.wav", seed=seed) for name, seed in zip("abcde", (1, 2, 1, 3, 2), strict=True)]
    paths += [folder / "missing.wav", record(folder / "x" / "a.wav", seed=1), folder / "empty.wav", folder / "x" / "empty.wav"]
    for path in paths[-2:]:
        path.touch()
    return [named_recording(path, path.name) for path in paths]


def judged(inputs: list[Input], done: set[str] = frozenset(), ledger: Ledger | None = None, **more: Any) -> list[Verdict]:  # type: ignore[assignment]
    return list(Survey(inputs, ledger or Ledger(), done, Stop(), **more).verdicts())


def seen(verdicts: list[Verdict]) -> tuple[Any, ...]:
    """Everything that the run will be made of."""
    jobs = sorted((verdict.job.id, verdict.job.name) for verdict in verdicts if verdict.job)
    return jobs, sorted(verdict.failure.to_json() for verdict in verdicts if verdict.failure)


def failed(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return sorted((verdict.failure.path, verdict.failure.code) for verdict in verdicts if verdict.failure)


@given(order=some.permutations(range(9)))
def test_the_order_does_not_matter(order: list[int], files: list[Input]) -> None:
    verdicts = judged([files[index] for index in order])
    assert seen(verdicts) == seen(judged(files))
    assert len({verdict.row.id for verdict in verdicts}) == len(files) == len(verdicts)


@settings(max_examples=20)
@given(places=some.permutations(range(9)))
def test_the_folders_do_not_matter(places: list[int], files: list[Input], tmp_path_factory: pytest.TempPathFactory) -> None:
    """A run is made of names and contents: where each lies, and how its path is written, is nothing to it."""
    moved = []
    for place, input in zip(places, files, strict=True):
        file = tmp_path_factory.mktemp(f"folder-{place}") / input.name
        if input.file.exists():
            os.link(input.file, file)
        moved.append(named_recording(file, f"some/where/{place}/{input.name}"))
    assert seen(judged(moved)) == seen(judged(files))


def test_one_item_a_content_and_a_reason_for_the_others(files: list[Input]) -> None:
    verdicts = judged(files)
    assert [verdict.row.path for verdict in verdicts if verdict.job] == ["a.wav", "b.wav", "d.wav"]
    assert failed(verdicts) == [
        ("a.wav", "SD122"),
        ("c.wav", "SD122"),
        ("e.wav", "SD122"),
        ("empty.wav", "SD104"),
        ("empty.wav", "SD104"),
        ("missing.wav", "SD101"),
    ]


def test_an_item_that_is_there_stays_the_one_for_its_content(files: list[Input]) -> None:
    (item,) = [verdict.row.id for verdict in judged(files[2:3])]
    assert item.startswith("c-")
    verdicts = judged(files, {item})
    rows = {verdict.row.file: verdict.row.id for verdict in verdicts}
    assert rows[str(files[2].file)] == item and not any(verdict.job and verdict.job.name == "c.wav" for verdict in verdicts)
    assert failed(verdicts).count(("a.wav", "SD122")) == 2 and ("c.wav", "SD122") not in failed(verdicts)


def test_a_renamed_input_has_the_item_that_was_made_of_it(files: list[Input]) -> None:
    (item,) = [verdict.row.id for verdict in judged(files[2:3])]
    first, second, *_ = judged([files[0], files[6]], {item})
    assert (first.row.id, first.job, first.failure, second.row.id) == (item, None, None, item)
    *_, last = judged([files[0], files[6]], {item})
    assert last.failure and (last.failure.code, last.row.file) == ("SD122", str(files[6].file))


@given(cut=some.integers(0, 9))
def test_where_it_was_interrupted_does_not_matter(cut: int, files: list[Input]) -> None:
    ledger, stop = Ledger(), Stop()
    survey = Survey(files, ledger, set(), stop)
    made = set()
    for number, verdict in enumerate(survey.verdicts()):
        ledger.take(verdict.row)
        made |= {verdict.job.id} if verdict.job and number % 2 else set()  # every other one was finished
        stop.drain = number == cut
    assert survey.complete == (cut >= 8)
    again = judged(files, made, ledger)
    done = sorted((verdict.row.id, Path(verdict.row.file).name) for verdict in again if verdict.row.id in made)
    jobs, failures = seen(again)
    assert (sorted(jobs + done), failures) == seen(judged(files))


@given(first=some.sets(some.integers(0, 8)))
def test_in_two_parts_every_input_has_an_id_that_no_other_failure_has(first: set[int], files: list[Input]) -> None:
    ledger = Ledger()
    for part in ([files[index] for index in sorted(first)], [files[index] for index in range(9) if index not in first]):
        for verdict in judged(part, {row.id for row in ledger.rows.values()}, ledger):
            ledger.take(verdict.row)
    failures = [row.id for row in ledger.rows.values() if not row.sha256]
    assert len(failures) == len(set(failures)) == 3


def test_what_did_not_change_is_not_read_again(tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    really = room.content_hash
    monkeypatch.setattr(room, "content_hash", lambda path, cancelled: (read.append(path.name), really(path))[1])
    monkeypatch.setattr(room, "RECENT", -1.0)
    inputs = [Input(record(tmp_path / "a.wav"), "a.wav"), Input(record(tmp_path / "b.wav"), "b.wav")]
    (tmp_path / "inputs.log").write_text("".join(verdict.row.line for verdict in judged(inputs)))
    ledger = Ledger.read(tmp_path / "inputs.log")
    record(tmp_path / "b.wav", seed="other")
    for verdict in judged(inputs, set(), ledger):
        ledger.take(verdict.row)
    assert read == ["a.wav", "b.wav", "b.wav"]
    assert len(ledger.outdated) == 1 and next(iter(ledger.outdated)).startswith("b-")


def test_a_file_that_changed_just_now_is_read_again(tmp_path: Path, record: Record) -> None:
    file = record(tmp_path / "a.wav")
    assert not judged([Input(file, "a.wav")])[0].row.settled
    os.utime(file, (time.time() - 100,) * 2)
    assert not judged([Input(file, "a.wav")])[0].row.settled  # the time of change is now


def test_what_is_too_large_or_too_long_is_refused_before_it_is_read(
    tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "content_hash", lambda *_: pytest.fail("was read"))
    large, text, long = tmp_path / "large.wav", tmp_path / "text.wav", record(tmp_path / "long.wav", samples=4000)
    large.write_bytes(b"RIFF")
    text.write_text("not audio")
    header = long.read_bytes()[:44]
    long.write_bytes(header[:40] + (2_000_000_000).to_bytes(4, "little"))  # 35 hours at 8 kHz
    for file, size in ((large, 20_000_000_000), (text, 2_000_000_000), (long, 2_000_000_044)):
        os.truncate(file, size)  # with a hole: it takes no room
    inputs = [Input(file, file.name) for file in (large, text, long)]
    found = {failure.path: failure for verdict in judged(inputs, limits=Limits()) if (failure := verdict.failure)}
    assert {name: failure.code for name, failure in found.items()} == {
        "large.wav": "SD118",
        "text.wav": "SD105",
        "long.wav": "SD115",
    }
    assert "20.0 GB" in found["large.wav"].message and "decode.maximum_gigabytes=36" in found["large.wav"].hint


def test_beside_the_work_the_same_comes_out(files: list[Input]) -> None:
    with Survey(files, Ledger(), set(), Stop()).beside() as verdicts:
        assert seen([verdict for verdict in verdicts if verdict]) == seen(judged(files))


def test_a_reader_nobody_waits_for_ends(files: list[Input], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def slow(path: Path, cancelled: Callable[[], bool]) -> str:
        read.append(path)
        while not cancelled():
            time.sleep(0.01)
        raise SepdiarError("SD903")

    monkeypatch.setattr(room, "content_hash", slow)
    survey = Survey(files, Ledger(), set(), Stop())
    with survey.beside() as verdicts:
        assert next(verdicts) is None
    assert len(read) == 1 and not survey.complete


def test_too_many_open_files_are_no_fault_of_the_input(files: list[Input], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> str:
        raise SepdiarError("SD304")

    monkeypatch.setattr(room, "content_hash", refused)
    with pytest.raises(SepdiarError, match="SD304"), Survey(files, Ledger(), set(), Stop()).beside() as verdicts:
        list(verdicts)
