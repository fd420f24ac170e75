"""Workers on this machine: what happens to one recording happens to that one alone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.run import RunSummary, process, retry
from sepdiar.store import Failure


@pytest.fixture
def go(tiny: Path, tmp_path: Path, record: Callable[..., Path]) -> Callable[..., RunSummary]:
    """Process recordings of these names into tmp_path/out."""

    def run(*names: str, **options: object) -> RunSummary:
        for name in names:
            record(tmp_path / "in" / f"{name}.wav")
        made = process([tmp_path / "in"], tmp_path / "out", **{"recipe": tiny, "workers": 2, **options})
        assert isinstance(made, RunSummary)
        assert made.done + made.failed + made.skipped + made.left == made.inputs
        return made

    return run


def failures(out: Path) -> dict[str, Failure]:
    records = map(Failure.read, (out / "failures").iterdir())
    return {Path(record.path).stem: record for record in records if record}


def test_every_ending_has_its_code_and_the_others_are_done(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    made = go("a", "b", "bug", "damaged", "silent", "killed", "segfault", "exits", "memory", "c")
    found = failures(tmp_path / "out")
    assert {name: failure.code for name, failure in found.items()} == {
        "bug": "SD901",
        "damaged": "SD112",
        "silent": "SD120",
        "killed": "SD902",
        "segfault": "SD902",
        "exits": "SD902",
        "memory": "SD902",
    }
    assert (made.done, made.failed, made.skipped, made.exit_code) == (3, 6, 1, 1)
    assert made.failures == {"SD112": 1, "SD120": 1, "SD901": 1, "SD902": 4}
    assert found["killed"].attempts == 3 and found["killed"].stage == "copy"
    assert found["exits"].message == "it ended with status 3"


def test_a_bug_is_recorded_with_its_traceback_and_without_this_machine(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    go("bug")
    record = failures(tmp_path / "out")["bug"]
    assert record.message == "ValueError: <object object at 0x...> in bug.wav"
    assert 'File "tiny_stages.py"' in record.traceback and "_happen" in record.traceback
    assert str(tmp_path) not in record.to_json() and str(Path(sys.prefix)) not in record.to_json()


def test_a_worker_that_dies_once_costs_nothing(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    made = go("once", "a", "b")
    assert (made.done, made.failed) == (3, 0)


@pytest.mark.parametrize("name", ["hangs", "holds"])
def test_what_takes_too_long_is_stopped_with_all_it_started(name: str, go: Callable[..., RunSummary], tmp_path: Path) -> None:
    began = time.monotonic()
    made = go(name, "a", timeout=1.5)
    assert time.monotonic() - began < 10
    assert (made.done, made.failed, made.failures) == (1, 1, {"SD140": 1})
    if name == "hangs":
        assert not any(map(alive, map(int, (tmp_path / "in" / "hangs.pid").read_text().split())))


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("name", "code"), [("full", "SD301"), ("model", "SD251")])
def test_a_disk_or_a_machine_that_refuses_ends_the_run_and_nothing_is_lost(
    name: str, code: str, go: Callable[..., RunSummary], tmp_path: Path
) -> None:
    with pytest.raises(SepdiarError) as refused:
        go("a", name, workers=1)
    assert refused.value.code == code
    assert not failures(tmp_path / "out") and not list((tmp_path / "out" / "tmp").iterdir())
    (tmp_path / "in" / f"{name}.wav").rename(tmp_path / "in" / "z.wav")
    made = go()
    assert (made.done, made.already_done) == (2, 1)


@pytest.mark.parametrize(("word", "code"), [("bug", "SD252"), ("killed", "SD252"), ("model", "SD251"), ("full", "SD301")])
def test_a_chain_that_cannot_be_opened_ends_the_run(word: str, code: str, go: Callable[..., RunSummary]) -> None:
    with pytest.raises(SepdiarError) as refused:
        go("a", settings=[f"copy.open={word}"])
    assert refused.value.code == code


def test_a_file_that_changes_or_vanishes_during_the_run(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    made = go("grows", "vanishes", "a")
    assert {name: failure.code for name, failure in failures(tmp_path / "out").items()} == {"grows": "SD116", "vanishes": "SD101"}
    (tmp_path / "in" / "grows.wav").rename(tmp_path / "in" / "grown.wav")
    made = go()
    assert (made.inputs, made.done, made.failed) == (2, 2, 0)


def test_events_tell_the_whole_story(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    heard: list[Event] = []
    go("a", "damaged", listen=heard.append, workers=1)
    mine = [(event.kind, event.facts.get("stage")) for event in heard if event.item.startswith("a-")]
    assert mine == [
        ("item.started", None),
        ("stage.started", "copy"),
        ("stage.progress", "copy"),
        ("stage.finished", "copy"),
        ("item.done", None),
    ]
    assert heard[0].kind == "run.started" and heard[0].facts["inputs"] == 2
    assert heard[-1].kind == "run.finished" and heard[-1].facts["failed"] == 1
    logged = (tmp_path / "out" / "events.log").read_text().splitlines()
    assert len(logged) == len([event for event in heard if event.kind != "stage.progress"])


def test_retry_tries_what_failed_and_only_that(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    go("a", "damaged", "silent", "killed")
    assert go().failed == 2  # a second run does not try them again
    before = failures(tmp_path / "out")
    made = retry(tmp_path / "out", workers=2)
    assert (made.inputs, made.failed) == (2, 2)
    after = failures(tmp_path / "out")
    assert (before["killed"].attempts, after["killed"].attempts) == (3, 6)
    assert after["silent"] == before["silent"]


def test_retry_says_the_same_of_what_nobody_mended(go: Callable[..., RunSummary], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "dangling.wav").symlink_to("nowhere")
    os.mkfifo(tmp_path / "in" / "pipe.wav")
    go("a")
    before = failures(tmp_path / "out")
    retry(tmp_path / "out", workers=2)
    assert failures(tmp_path / "out") == before


@pytest.mark.parametrize("name", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
def test_workers_have_one_thread_no_network_and_no_tokens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sepdiar.engine.process import _environment

    monkeypatch.setenv(name, "hf_canary")
    seen = _environment()
    assert "hf_canary" not in seen.values()
    assert {seen[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL")} == {"1"}
    assert seen["HF_HUB_OFFLINE"] == "1" and seen["PYTHONHASHSEED"] == "0"
    assert os.environ[name] == "hf_canary"


def test_no_fewer_than_one_worker() -> None:
    from sepdiar.engine.local import LocalEngine

    with pytest.raises(SepdiarError, match="SD202"):
        LocalEngine(0)
