"""The run directory: whole or not at all, one at a time, and nothing of the dead left behind."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sepdiar.config import Config, resolve
from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.store import Failure, Store, Work, disk


@pytest.fixture
def config(tiny: Path) -> Config:
    return resolve(tiny, environ={})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "run")


def made(store: Store, id: str, text: str = "words") -> Work:
    work = store.begin(id)
    (work.item / "a.txt").write_text(text)
    (work.item / "b").mkdir()
    (work.item / "b" / "c.txt").write_text("more")
    (work.scratch / "draft").write_text("draft")
    disk.seal(work.item)
    return work


def test_an_item_is_what_was_sealed_and_sha256sum_agrees(store: Store, config: Config) -> None:
    with store.opened(config):
        store.commit("x-1", made(store, "x-1"))
        assert store.done() == {"x-1"}
    item = store.items / "x-1"
    assert sorted(path.name for path in item.iterdir()) == ["SUMS", "a.txt", "b"]
    subprocess.run(["sha256sum", "--strict", "-c", "SUMS"], cwd=item, check=True, capture_output=True)
    assert not list((store.run / "tmp").iterdir())


def test_whoever_comes_second_discards(store: Store, config: Config) -> None:
    with store.opened(config):
        first, second = made(store, "x-1", "first"), made(store, "x-1", "second")
        store.commit("x-1", first)
        store.commit("x-1", second)
    assert (store.items / "x-1" / "a.txt").read_text() == "first"


def test_a_rename_that_failed_after_it_was_done_counts(store: Store, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network disk, where the answer to the first request is lost and the second finds nothing to rename."""
    really = Path.rename

    def rename(self: Path, target: Path) -> Path:
        really(self, target)
        raise FileNotFoundError(errno.ENOENT, "No such file", str(self))

    with store.opened(config):
        work = made(store, "x-1")
        monkeypatch.setattr(Path, "rename", rename)
        store.commit("x-1", work)
    assert store.done() == {"x-1"}


def test_an_item_without_sums_does_not_count_and_is_kept_when_it_is_made_again(store: Store, config: Config) -> None:
    with store.opened(config):
        store.commit("x-1", made(store, "x-1"))
    (store.items / "x-1" / "SUMS").unlink()
    assert store.done() == set() and [path.name for path in store.broken()] == []
    (store.items / "x-1" / "conversation.json").touch()
    told: list[Event] = []
    with replace(store, listen=told.append).opened(config) as again:
        assert [path.name for path in again.broken()] == ["x-1"]
        again.commit("x-1", made(again, "x-1", "again"))
    assert (store.items / "x-1" / "a.txt").read_text() == "again"
    assert (store.lost / "x-1" / "a.txt").read_text() == "words"
    assert [event.facts["message"] for event in told] == [f"items/x-1 was moved to {store.lost / 'x-1'}"]


def test_what_the_dead_left_is_swept_and_nothing_else(store: Store, config: Config) -> None:
    with store.opened(config):
        pass
    tmp, run = store.run / "tmp", (store.run / ".sepdiar").read_text().split()[-1][:12]
    mine = store.begin("left-1").folder
    kept = ["old", "run.toml.new", f"x.{'0' * 12}.{mine.name.split('.')[-3]}.1.0-0000abcd", f"y.{run}.elsewhere.1.0-0000abcd"]
    for name in (*kept, f"z.{run}.elsewhere.1.0-0000abcd"):
        (tmp / name).mkdir()
    for name in (*kept[:3], f"z.{run}.elsewhere.1.0-0000abcd"):
        os.utime(tmp / name, (0, 0))
    with store.opened(config):
        assert sorted(path.name for path in tmp.iterdir()) == sorted(kept)
    assert not mine.exists()


def test_one_at_a_time_and_the_owner_has_a_name(store: Store, config: Config) -> None:
    with store.opened(config):
        assert f"process {os.getpid()} on " in store.owner()
        with pytest.raises(SepdiarError, match=f"SD310.*process {os.getpid()} on ") as busy, store.opened(config):
            pass
        assert busy.value.exit == 75
    assert store.owner() == ""
    with store.opened(config):
        pass


def test_another_configuration_is_refused_before_anything_is_touched(store: Store, tiny: Path, config: Config) -> None:
    with store.opened(config):
        store.commit("x-1", made(store, "x-1"))
    before = (store.run / "run.toml").read_bytes()
    other = resolve(tiny, flags={"copy.tag": "x", "seed": 1}, environ={})
    with pytest.raises(SepdiarError, match=r'copy.tag was "", now "x"; seed was nothing, now 1'), store.opened(other):
        pass
    assert (store.run / "run.toml").read_bytes() == before


def test_a_run_in_which_nothing_was_made_takes_another_configuration(store: Store, tiny: Path, config: Config) -> None:
    with store.opened(config):
        pass
    other = resolve(tiny, flags={"copy.tag": "x"}, environ={})
    with store.opened(other):
        assert store.settings().settings["copy.tag"] == "x"


def test_a_chain_that_cannot_work_makes_nothing(store: Store, tiny: Path) -> None:
    with pytest.raises(SepdiarError, match="SD201"), store.opened(resolve(tiny, flags={"chain": ["nothing"]}, environ={})):
        pass
    assert not store.run.exists()


def test_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(SepdiarError, match="SD207"):
        Store(tmp_path).settings()


@pytest.mark.skipif(not os.geteuid(), reason="root may write anywhere")
def test_a_place_that_may_not_be_written(tmp_path: Path, config: Config) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SepdiarError, match="SD305"), Store(tmp_path / "run").opened(config):
        pass


def test_a_file_in_the_way(tmp_path: Path, config: Config) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(SepdiarError, match="SD209") as refused, Store(tmp_path / "run").opened(config):
        pass
    assert str(tmp_path / "run") in refused.value.where
    assert (tmp_path / "run").read_text() == "mine"


def test_failures_come_and_go(store: Store, config: Config) -> None:
    failure = Failure.of("x-1", "in/x.wav", SepdiarError("SD112", "cut"), "decode")
    with store.opened(config):
        store.record(failure)
        assert store.failures() == {"x-1": failure}
        first = (store.failed / "x-1.json").stat().st_ino
        store.record(failure)
        assert (store.failed / "x-1.json").stat().st_ino == first
        store.commit("x-1", made(store, "x-1"))
    assert store.failures() == {}


def test_the_log_goes_on_after_a_torn_line(store: Store, config: Config) -> None:
    with store.opened(config), store.log() as log:
        log(Event("note", "", {"message": "one"}))
    with (store.run / "events.log").open("ab") as file:
        file.write(b'{"kind": "no')
    with store.opened(config), store.log() as log:
        log(Event("note", "", {"message": "two"}))
        log(Event("stage.progress"))
    lines = (store.run / "events.log").read_text().splitlines()
    assert len(lines) == 3 and '"two"' in lines[2]


def test_files_follow_the_umask(store: Store, config: Config) -> None:
    former = os.umask(0o027)
    try:
        with store.opened(config):
            store.commit("x-1", made(store, "x-1"))
    finally:
        os.umask(former)
    assert {oct(path.stat().st_mode & 0o777) for path in store.run.rglob("*") if path.is_file()} == {"0o640"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "full"), "SD301"),
        (OSError(errno.EMFILE, "many"), "SD304"),
        (OSError("10 requested and 4 written"), "SD302"),
        (FileNotFoundError(errno.ENOENT, "none"), None),
        (ValueError("other"), None),
    ],
)
def test_only_what_the_disk_refuses_is_the_disks_fault(error: Exception, code: str | None, tmp_path: Path) -> None:
    found = disk.disk_error(error, tmp_path)
    assert (found.code if found else None) == code
    wrapped = RuntimeError("while it wrote")
    wrapped.__cause__ = error
    again = disk.disk_error(wrapped, tmp_path)
    assert (again.code if again else None) == code


def test_a_library_that_cannot_write_is_the_disks_fault(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    with pytest.raises(soundfile.LibsndfileError) as refused:
        soundfile.SoundFile(tmp_path / "no" / "a.flac", "w", 8000, 1)
    found = disk.disk_error(refused.value, tmp_path)
    assert found and found.code in ("SD301", "SD302")
    assert disk.disk_error(refused.value, tmp_path / "other") is None


def count_syncs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    synced: list[str] = []
    really = disk.sync
    monkeypatch.setattr(disk, "sync", lambda path: (synced.append(path.name), really(path))[1])
    return lambda: synced


def test_everything_is_on_the_disk_before_it_can_be_seen(store: Store, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.opened(config):
        seen = count_syncs(monkeypatch)
        work = made(store, "x-1")
        assert set(seen()) == {"a.txt", "c.txt", "SUMS", "b", "item"} and seen()[-1] == "item"
        store.commit("x-1", work)
        assert seen()[-1] == "items"


def test_whoever_asks_who_works_on_a_run_does_not_keep_others_from_it(store: Store, config: Config) -> None:
    with store.opened(config):
        pass
    asking = (store.run / ".lock").open("rb")
    fcntl.flock(asking, fcntl.LOCK_SH)
    threading.Timer(0.05, asking.close).start()
    with store.opened(config):
        assert store.owner()
