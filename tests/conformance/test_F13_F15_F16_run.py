"""F13, F15, F16: several processes on one run, another configuration, and bytes that rot."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.run import process, status, verify
from sepdiar.store import Store
from sepdiar.store.check import Fault
from sepdiar.store.settings import Settings


@pytest.mark.parametrize("many", [2, 4])
def test_f13_several_processes_on_one_run(many: int, bench: Any, golden: Any, tree: Any, whole: Any) -> None:
    out = bench.folder / "out"
    start = {"env": bench.environment(), "stderr": subprocess.PIPE, "text": True}
    runs = [subprocess.Popen(bench.command(out, 1), **start) for _ in range(many)]
    ends = [(run.communicate(timeout=60)[1], run.returncode) for run in runs]
    assert whole(out) and {code for _, code in ends} <= {1, 75} and (any(code == 1 for _, code in ends))
    for words, code in ends:
        assert code == 1 or re.search(r"SD310 the run is in use: .*: by process \d+ on \S+, since", words), words
    assert tree(out) == golden


@pytest.fixture
def done(bench: Any, tiny: Path) -> Path:
    """A finished run, made in this process."""
    out = bench.folder / "out"
    process([bench.corpus], out, recipe=tiny, workers=1)
    return Path(out)


def test_f13_a_second_run_does_nothing(done: Path, bench: Any, tiny: Path) -> None:
    def facts() -> dict[str, tuple[int, int]]:
        kept = [path for path in done.rglob("*") if path.name not in ("events.log", "inputs.log", ".lock", "tmp")]
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in kept}

    before = facts()
    again = process([bench.corpus], done, recipe=tiny, workers=1)
    assert facts() == before
    assert (again.inputs, again.done, again.already_done, again.failed, again.skipped) == (6, 3, 3, 2, 1)


EDITS: dict[str, dict[str, Any]] = {
    "copy.tag": {"settings": ["copy.tag=x"]},
    "copy.open": {"settings": ["copy.open=x"]},
    "device": {"device": "cuda"},
    "seed": {"settings": ["seed=1"]},
    "about": {"settings": ["about=other"]},
    "chain": {"settings": ['chain=["copy", "copy"]']},
    "decode.salvage": {"salvage": True},
    "diarize.backend": {"diarizer": "mfcc"},
    "assemble.pairing": {"pairing": "main"},
}


@pytest.mark.parametrize("key", EDITS)
def test_f15_another_setting_is_refused_by_name(key: str, done: Path, bench: Any, tiny: Path, tree: Any) -> None:
    before = tree(done)
    with pytest.raises(SepdiarError, match=f"SD205.*{key} was .*, now") as refused:
        process([bench.corpus], done, recipe=tiny, **EDITS[key])
    assert refused.value.exit == 2
    assert tree(done) == before


def test_f15_another_version_is_refused_by_name(done: Path, bench: Any, tiny: Path) -> None:
    made = Settings.read(done)
    older = Settings(made.settings, {**made.versions, "numpy": "1.0"})
    (done / "run.toml").write_text(older.to_toml())
    with pytest.raises(SepdiarError, match=r'SD205.*version of numpy was "1.0", now'):
        process([bench.corpus], done, recipe=tiny)


def test_f15_settings_from_the_environment_or_a_file_are_refused_alike(
    done: Path, bench: Any, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.folder / "mine.toml").write_text('[copy]\ntag = "y"\n')
    with pytest.raises(SepdiarError, match=r'SD205.*copy.tag was "", now "y"'):
        process([bench.corpus], done, recipe=tiny, config=bench.folder / "mine.toml")
    monkeypatch.setenv("SEPDIAR_COPY_TAG", "z")
    with pytest.raises(SepdiarError, match=r'SD205.*copy.tag was "", now "z"'):
        process([bench.corpus], done, recipe=tiny)


def test_f15_a_changed_input_is_a_new_item_and_said(done: Path, bench: Any, tiny: Path, record: Callable[..., Path]) -> None:
    heard: list[Event] = []
    before = {path.name for path in (done / "items").iterdir()}
    record(bench.corpus / "b.wav", seed="other")
    process([bench.corpus], done, recipe=tiny, listen=heard.append)
    after = {path.name for path in (done / "items").iterdir()}
    assert before < after and len(after) == len(before) + 1
    assert [event.item[:2] for event in heard if event.kind == "note"] == ["b-"]


def test_f15_what_was_left_out_is_not_held_against_the_run(done: Path, bench: Any, tiny: Path) -> None:
    (bench.corpus / "empty.wav").unlink()
    (bench.corpus / "a.wav").unlink()
    process([bench.corpus / "b.wav"], done, recipe=tiny, workers=1)
    stands = status(done)
    assert [failure.path for failure in stands.failures if failure.outcome == "failed"] == [str(bench.corpus / "damaged.wav")]
    assert (stands.inputs, stands.done, stands.left) == (5, 3, 0)
    assert not list(done.glob("failures/empty-*")) and not verify(done).faults


def test_f15_a_failure_whose_input_is_gone_goes_though_the_run_is_killed_then(
    done: Path, bench: Any, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.corpus / "empty.wav").unlink()

    def killed(store: Store, id: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Store, "forgive", killed)
        process([bench.corpus], done, recipe=tiny, workers=1)
    process([bench.corpus], done, recipe=tiny, workers=1)
    assert not list(done.glob("failures/empty-*"))


def test_f16_a_run_in_progress_is_not_called_damaged(done: Path) -> None:
    (done / "data.jsonl").unlink()
    with Store(done).opened():
        assert not verify(done).faults
    assert [fault.file for fault in verify(done).faults] == ["data.jsonl"]


def test_f16_without_its_ledger_a_run_still_stands(done: Path) -> None:
    before = status(done)
    (done / "inputs.log").write_text('{"torn')
    after = status(done)
    assert (after.inputs, after.done) == (before.inputs, before.done)
    assert [failure.id for failure in after.failures] == [failure.id for failure in before.failures]


def test_f15_a_renamed_input_is_the_same_item(done: Path, bench: Any, tiny: Path, tree: Any) -> None:
    before = tree(done)
    (bench.corpus / "b.wav").rename(bench.corpus / "renamed.wav")
    made = process([bench.corpus], done, recipe=tiny)
    assert (made.done, made.already_done) == (3, 3)
    assert tree(done) == before


KINDS = ("items/*/copy.bin", "items/*/conversation.json", "items/*/SUMS", "data.jsonl", "report/index.html", "failures/*.json")


def place(run: Path, fault: Fault) -> Path:
    return (run / "items" / fault.item if fault.item else run) / fault.file


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes() or b"\0")
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_f16_every_flipped_bit_is_found_and_only_that_is_made_again(kind: str, done: Path, tree: Any) -> None:
    golden, chance = tree(done), random.Random(kind)
    for _ in range(10):
        victim = chance.choice(sorted(done.glob(kind)))
        whole = victim.read_bytes()
        flip(victim, chance)
        faults = verify(done).faults
        assert [place(done, fault) for fault in faults] == [victim] or victim.name == "SUMS"
        assert {place(done, fault).parent for fault in faults} == {victim.parent}
        assert verify(done).exit_code == 1
        victim.write_bytes(whole)
    others = {path: path.stat().st_ino for path in done.glob("items/*/*") if path.parent != victim.parent}
    flip(victim, chance)
    mended = verify(done, repair=True, workers=1)
    assert mended.repaired == mended.faults != () and mended.exit_code == 0
    assert tree(done) == golden
    assert {path: path.stat().st_ino for path in others} == others


def test_f16_run_toml_is_guarded_too(done: Path) -> None:
    chance = random.Random(16)
    whole = (done / "run.toml").read_bytes()
    for _ in range(20):
        flip(done / "run.toml", chance)
        try:
            assert [fault.file for fault in verify(done).faults] == ["run.toml"]
        except SepdiarError as error:
            assert error.code in ("SD306", "SD307")
        (done / "run.toml").write_bytes(whole)
    (done / "run.toml").write_bytes(whole.replace(b"# What", b"# what"))
    assert verify(done, repair=True).exit_code == 0
    assert (done / "run.toml").read_bytes() == whole


def test_f16_missing_and_extra_files(done: Path, tree: Any) -> None:
    golden = tree(done)
    first, second, _ = sorted((done / "items").iterdir())
    (first / "copy.bin").unlink()
    (second / "note.txt").write_text("mine")
    (done / "data.jsonl").unlink()
    assert [(fault.file, fault.kind) for fault in verify(done).faults] == [("copy.bin", "missing"), ("note.txt", "extra")]
    assert verify(done, repair=True).exit_code == 0
    assert tree(done) == golden


def test_f16_without_its_input_an_item_is_left_as_it_is(done: Path, bench: Any) -> None:
    victim = next((done / "items").glob("b-*/copy.bin"))
    victim.write_bytes(b"rotten")
    (bench.corpus / "b.wav").unlink()
    made = verify(done, repair=True)
    assert made.exit_code == 1 and not made.repaired and victim.read_bytes() == b"rotten"
    shutil.rmtree(victim.parent)
    assert status(done).left == 1
