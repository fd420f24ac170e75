"""F15, F16: whose folder it is, which configuration an item is of, and nothing of a user's is ever deleted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sepdiar import api
from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.run import process, retry, status, verify
from sepdiar.simulation import simulate
from sepdiar.store.settings import Settings


@pytest.fixture
def done(bench: Any, tiny: Path) -> Path:
    """A finished run, made in this process."""
    out = bench.folder / "out"
    process([bench.corpus], out, recipe=tiny, workers=1)
    return Path(out)


def everything(folder: Path) -> dict[str, Any]:
    """Every file, link and folder below, with what it holds."""
    facts: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        facts[name] = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return facts


def a_users_folder(folder: Path) -> None:
    """As a user might have it: names that a run uses too, and old."""
    for name in ("items/photos", "tmp/old", "failures", "report"):
        (folder / name).mkdir(parents=True)
    (folder / "items" / "photos" / "me.jpg").write_text("me")
    (folder / "data.jsonl").write_text("mine")
    (folder / "report" / "index.html").write_text("mine")
    long_ago = time.time() - 3 * 24 * 3600
    os.utime(folder / "tmp" / "old", (long_ago, long_ago))


def test_f15_a_folder_that_is_no_run_is_refused_before_a_byte_is_written(bench: Any, tiny: Path) -> None:
    place = bench.folder / "mine"
    a_users_folder(place)
    before = everything(place)
    with pytest.raises(SepdiarError, match="SD209") as refused:
        process([bench.corpus], place, recipe=tiny)
    assert refused.value.exit == 2
    for command in (status, retry, verify, api.report):
        with pytest.raises(SepdiarError, match=r"SD207|SD209"):
            command(place)
    assert everything(place) == before


def test_f15_an_empty_folder_a_link_to_one_and_a_marker_half_written_are_taken(bench: Any, tiny: Path, tree: Any) -> None:
    for name in ("empty", "begun"):
        (bench.folder / name).mkdir()
    (bench.folder / "begun" / ".sepdiar").write_text("sepdiar run 01")
    (bench.folder / "link").symlink_to(bench.folder / "empty")
    trees = []
    for name in ("link", "begun"):
        process([bench.corpus], bench.folder / name, recipe=tiny, workers=1)
        trees.append(tree(bench.folder / name))
    assert trees[0] == trees[1] and tree(bench.folder / "empty") == trees[0]


def test_f15_a_foreign_folder_is_not_swept_even_inside_a_run(done: Path, bench: Any, tiny: Path) -> None:
    (done / "items" / "photos").mkdir()
    (done / "items" / "photos" / "me.jpg").write_text("me")
    (done / "items" / "note.txt").write_text("mine")
    (done / "tmp" / "old").mkdir()
    os.utime(done / "tmp" / "old", (0, 0))
    process([bench.corpus], done, recipe=tiny, workers=1)
    assert (done / "items" / "photos" / "me.jpg").read_text() == "me" and (done / "tmp" / "old").is_dir()
    assert [(fault.item, fault.kind) for fault in verify(done).faults] == [("note.txt", "stray"), ("photos", "stray")]
    told: list[Event] = []
    assert verify(done, repair=True, workers=1, listen=told.append).exit_code == 0
    assert (done / "lost" / "photos" / "me.jpg").read_text() == "me" and (done / "lost" / "note.txt").read_text() == "mine"
    assert {event.item for event in told if event.kind == "note"} >= {"photos", "note.txt"}


@pytest.mark.parametrize("name", ["items", "tmp", "failures", "report", "lost", ".lock", "inputs.log", "events.log", "run.toml"])
def test_f15_a_link_where_the_run_keeps_its_own_is_refused(name: str, done: Path, bench: Any, tiny: Path) -> None:
    elsewhere = bench.folder / "elsewhere"
    (elsewhere / "sub").mkdir(parents=True)
    (elsewhere / "file").write_text("mine")
    own = done / name
    folder = own.is_dir() or name == "lost"
    if own.exists():
        own.rename(bench.folder / "kept")
    own.symlink_to(elsewhere if folder else elsewhere / "file")
    before = everything(elsewhere)
    for command in (lambda: process([bench.corpus], done, recipe=tiny), lambda: verify(done, repair=True), lambda: retry(done)):
        with pytest.raises(SepdiarError, match=r"SD307.*a link"):
            command()
    assert everything(elsewhere) == before


def test_f16_an_item_without_sums_is_never_deleted_and_is_told(done: Path, bench: Any) -> None:
    victim = next((done / "items").glob("b-*"))
    (victim / "SUMS").unlink()
    shutil.rmtree(bench.corpus)
    told: list[Event] = []
    page = api.report(done, listen=told.append).read_text()
    assert (victim / "copy.bin").exists() and "SUMS is missing" in page
    assert [event.item for event in told if event.kind == "note"] == [victim.name]
    found = verify(done)
    assert [(fault.item, fault.file, fault.kind) for fault in found.faults] == [(victim.name, "SUMS", "missing")]
    assert verify(done, repair=True).exit_code == 1 and (victim / "copy.bin").exists()


def test_f16_a_missing_sums_is_mended_by_one_call_and_the_old_item_is_kept(done: Path, tree: Any) -> None:
    golden, victim = tree(done), next((done / "items").glob("b-*"))
    (victim / "SUMS").unlink()
    (victim / "note.txt").write_text("mine")
    mended = verify(done, repair=True, workers=1)
    assert mended.exit_code == 0 and tree(done) == golden
    assert (done / "lost" / victim.name / "note.txt").read_text() == "mine"


def test_f16_a_users_file_inside_an_item_is_kept(done: Path, tree: Any) -> None:
    golden, victim = tree(done), next((done / "items").glob("b-*"))
    (victim / "note.txt").write_text("mine")
    assert verify(done, repair=True, workers=1).exit_code == 0
    assert tree(done) == golden and (done / "lost" / victim.name / "note.txt").read_text() == "mine"


def test_f16_what_is_lost_twice_has_two_names(done: Path) -> None:
    victim = next((done / "items").glob("b-*"))
    for text in ("one", "two"):
        (victim / "note.txt").write_text(text)
        verify(done, repair=True, workers=1)
    names = [victim.name, f"{victim.name}-2"]
    assert [(done / "lost" / name / "note.txt").read_text() for name in names] == ["one", "two"]


def test_f16_a_link_to_an_item_is_not_a_second_one(done: Path, bench: Any, tiny: Path) -> None:
    (done / "items" / "zz").symlink_to(next((done / "items").glob("b-*")))
    api.report(done)
    assert status(done).done == 3 and "zz" not in (done / "data.jsonl").read_text() + (done / "report" / "index.html").read_text()
    assert [(fault.item, fault.kind) for fault in verify(done).faults] == [("zz", "stray")]
    assert verify(done, repair=True, workers=1).exit_code == 0
    assert (done / "lost" / "zz").is_symlink() and len(list((done / "items").iterdir())) == 3


@pytest.mark.parametrize("spoil", [lambda path: path.write_text(""), lambda path: path.write_bytes(bytes(path.stat().st_size))])
@pytest.mark.parametrize("name", ["data.jsonl", "report/index.html", "report/made-from.json"])
def test_f16_what_follows_from_items_is_checked_by_content(
    name: str, spoil: Callable[[Path], Any], done: Path, bench: Any, tiny: Path, tree: Any
) -> None:
    golden = tree(done)
    spoil(done / name)
    os.utime(done / name, (time.time() + 1000,) * 2)
    process([bench.corpus], done, recipe=tiny)
    assert tree(done) == golden


def test_f15_without_run_toml_it_is_rebuilt_from_the_items(done: Path, bench: Any, tiny: Path, tree: Any) -> None:
    golden = tree(done)
    (done / "run.toml").unlink()
    assert status(done).done == 3
    assert [(fault.file, fault.kind) for fault in verify(done).faults] == [("run.toml", "missing")]
    process([bench.corpus], done, recipe=tiny)
    assert tree(done) == golden


def test_f15_without_run_toml_another_configuration_is_refused_by_the_key(done: Path, bench: Any, tiny: Path) -> None:
    (done / "run.toml").unlink()
    with pytest.raises(SepdiarError, match=r'SD205.*copy.tag was "", now "x"'):
        process([bench.corpus], done, recipe=tiny, settings=["copy.tag=x"])
    assert not (done / "run.toml").exists()


def test_f15_an_item_of_another_configuration_is_found_refused_and_made_again(
    done: Path, bench: Any, tiny: Path, tree: Any
) -> None:
    golden, other = tree(done), bench.folder / "other"
    process([bench.corpus], other, recipe=tiny, workers=1, settings=["copy.tag=x"])
    victim = next((done / "items").glob("b-*"))
    shutil.rmtree(victim)
    shutil.copytree(other / "items" / victim.name, victim)
    with pytest.raises(SepdiarError, match=r'SD205.*copy.tag was "", now "x"') as refused:
        process([bench.corpus], done, recipe=tiny)
    assert victim.name in refused.value.where and status(done).mixed == (victim.name,)
    assert [(fault.item, fault.kind) for fault in verify(done).faults] == [(victim.name, "of another configuration")]
    assert verify(done, repair=True, workers=1).exit_code == 0
    assert tree(done) == golden and (done / "lost" / victim.name).is_dir()


def test_f15_an_edited_checkout_is_another_configuration(done: Path, bench: Any, tiny: Path) -> None:
    """The stage of the tests is a package of its own: one line more in it, and its hash is another."""
    made = Settings.read(done)
    assert set(made.code) == {"sepdiar", "tiny_stages"}
    older = Settings(made.settings, made.versions, {**made.code, "sepdiar": "0" * 64}, made.weights)
    (done / "run.toml").write_text(older.to_toml())
    with pytest.raises(SepdiarError, match=r'SD205.*code of sepdiar was "000000000000", now'):
        process([bench.corpus], done, recipe=tiny)


def test_f15_code_and_weights_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    import sepdiar
    from sepdiar.identity import code_sha256

    clone = tmp_path / "clone"
    shutil.copytree(Path(sepdiar.__file__).parent, clone / "sepdiar", ignore=shutil.ignore_patterns("__pycache__"))
    script = "from sepdiar.identity import code_sha256; print(code_sha256('sepdiar'))"

    def seen() -> str:
        environment = {**os.environ, "PYTHONPATH": str(clone)}
        command = [sys.executable, "-P", "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert seen() == code_sha256("sepdiar")
    edited = clone / "sepdiar" / "diarization" / "linking.py"
    edited.write_text(edited.read_text() + "\nCLOSE = -0.5\n")
    assert seen() != code_sha256("sepdiar")


@pytest.mark.parametrize(
    "wrong", [{"settings": ["copy.open=model"]}, {"settings": ["copy.tga=x"]}, {"settings": ['chain=["nosuch"]']}]
)
def test_f15_a_first_start_that_fails_leaves_nothing_behind(wrong: dict[str, Any], bench: Any, tiny: Path) -> None:
    out = bench.folder / "new"
    with pytest.raises(SepdiarError, match="SD2"):
        process([bench.corpus], out, recipe=tiny, workers=1, **wrong)
    assert not out.exists()
    assert process([bench.corpus], out, recipe=tiny, workers=1).done == 3


def test_f15_no_command_overwrites_its_own_input(podcasts: Path, tmp_path: Path) -> None:
    talk = tmp_path / "talk.wav"
    shutil.copy(next(podcasts.glob("*.flac")), talk)
    before = talk.read_bytes()
    (tmp_path / "manifest.jsonl").write_text("utt\tspeaker\tfile\ttext\n")
    (tmp_path / "talk-1.wav").symlink_to("talk.wav")
    for command in (
        lambda: api.diarize(talk, rttm=talk),
        lambda: api.transcribe(talk, ctm=talk),
        lambda: api.separate(talk, tmp_path),
        lambda: simulate(tmp_path / "manifest.jsonl", tmp_path),
    ):
        with pytest.raises(SepdiarError, match="SD210") as refused:
            command()
        assert refused.value.exit == 2
    assert talk.read_bytes() == before
