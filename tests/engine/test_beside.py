"""Inputs are read beside the work, and what has been read is kept whatever happens then."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sepdiar import survey
from sepdiar.audio.inputs import content_hash
from sepdiar.events import Event
from sepdiar.run import RunSummary, process, status

MANY = 12


@pytest.fixture
def corpus(tmp_path: Path, record: Callable[..., Path]) -> Path:
    for number in range(MANY):
        record(tmp_path / "in" / f"{number:02}.wav")
    return tmp_path / "in"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """When each input has been read, which takes a while, as on a slow disk; all of them were written long ago."""
    read: list[tuple[float, str]] = []

    def slow(path: Path, cancelled: Callable[[], bool]) -> str:
        time.sleep(0.15)
        sha256 = content_hash(path, cancelled)
        read.append((time.time(), path.name))
        return sha256

    monkeypatch.setattr(survey, "content_hash", slow)
    monkeypatch.setattr(survey, "RECENT", -1.0)
    return read


def go(corpus: Path, recipe: Path, heard: Callable[[Event], None] = lambda event: None) -> RunSummary:
    made = process([corpus], corpus.parent / "out", recipe=recipe, workers=1, listen=heard)
    assert isinstance(made, RunSummary)
    return made


def test_the_first_items_are_done_before_the_last_inputs_are_read(
    corpus: Path, tiny: Path, read: list[tuple[float, str]]
) -> None:
    heard: list[Event] = []
    made = go(corpus, tiny, heard.append)
    assert made.done == MANY == len(read)
    done = [event.at for event in heard if event.kind == "item.done"]
    assert done[0] < read[-1][0]


@pytest.mark.parametrize("after", [1, 5])
def test_ctrl_c_while_inputs_are_read_keeps_what_was_read(
    after: int, corpus: Path, tiny: Path, read: list[tuple[float, str]], tree: Callable[[Path], dict[str, bytes]]
) -> None:
    out = corpus.parent / "out"

    def interrupt(event: Event) -> None:
        if event.kind == "item.started" and len(read) >= after and not stopped:
            stopped.append(len(read))
            signal.raise_signal(signal.SIGINT)

    stopped: list[int] = []
    made = go(corpus, tiny, interrupt)
    assert made.exit_code == 130 and (made.inputs, made.failed) == (MANY, 0) and made.left == MANY - made.done > 0
    kept = [json.loads(line) for line in (out / "inputs.log").read_text().splitlines()]
    assert sorted(Path(row["file"]).name for row in kept) == sorted(name for _, name in read)
    assert stopped[0] <= len(read) <= stopped[0] + 1 < MANY
    assert go(corpus, tiny).done == MANY == status(out).done
    assert len(read) == MANY, "nothing was read twice"
    process([corpus], corpus.parent / "undisturbed", recipe=tiny, workers=2)
    assert tree(out) == tree(corpus.parent / "undisturbed")


def test_ctrl_c_before_anything_is_read(corpus: Path, tiny: Path, read: list[tuple[float, str]]) -> None:
    def interrupt(event: Event) -> None:
        if event.kind == "run.started":
            signal.raise_signal(signal.SIGINT)

    made = go(corpus, tiny, interrupt)
    assert (made.exit_code, made.inputs, made.left, read) == (130, MANY, MANY, [])


def test_what_was_moved_is_read_again_and_nothing_is_made_twice(corpus: Path, tiny: Path, read: list[tuple[float, str]]) -> None:
    go(corpus, tiny)
    heard: list[Event] = []
    made = go(corpus.rename(corpus.parent / "moved"), tiny, heard.append)
    assert (made.done, made.already_done, len(read)) == (MANY, MANY, 2 * MANY)
    assert not any(event.kind == "item.started" for event in heard)
    (last,) = [event.facts for event in heard if event.kind == "inputs.read"][-1:]
    assert last == {"read": MANY, "inputs": MANY, "done": MANY}
