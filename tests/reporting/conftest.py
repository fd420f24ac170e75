"""A run on disk, made of values alone: the page is made of nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sepdiar.assemble.channels import plan
from sepdiar.conversation import Conversation, Provenance, Recording, Span, Track, Turn, Word, mark_overlaps, merged
from sepdiar.metrics.judge import judge
from sepdiar.store import Failure, Settings

RATE = 1000


def conversation(id: str, path: str, *, seconds: int, seed: int, separated: bool = False, word: str = "yes") -> Conversation:
    """Two people taking turns, about every third time before the other has finished."""
    chance = random.Random(seed)
    turns, at = [], 500
    while at < (seconds - 6) * RATE:
        end = at + chance.randrange(500, 5000)
        turns.append(Turn("S1" if len(turns) % 2 else "S2", Span(at, end), (Word(word, Span(at, at + 300), 0.8),)))
        at = end + chance.randrange(-500, 900)
    whole = Span(0, seconds * RATE)
    sides = [merged(turn.span for turn in turns if turn.speaker == speaker) for speaker in ("S2", "S1")]
    tracks = tuple(
        Track(name, "dialogue-000.flac", channel, whole, plan(whole, sides[channel], sides[1 - channel], 5, separated), "0" * 64)
        for channel, name in enumerate(("S2", "S1"))
    )
    recording = Recording(id, path, "0" * 64, RATE, len(whole), 1)
    made = (Provenance("diarize", "0.1.0", "mfcc", "", {"backend": "mfcc", "speakers": 0}),)
    value = Conversation(recording, mark_overlaps(turns), tracks, (), made)
    return Conversation(recording, value.turns, tracks, judge(value), made)


@pytest.fixture
def make() -> Callable[..., Conversation]:
    """Makes conversations: `make(id, path, seconds=..., seed=...)`."""
    return conversation


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Writes values and failures as a run: `run(values, failures)` gives its folder."""

    def write(values: list[Conversation], failures: list[Failure] = []) -> Path:  # noqa: B006 - never changed
        folder = tmp_path / "run"
        (folder / "failures").mkdir(parents=True)
        settings = Settings({"chain": ["decode"], "diarize.backend": "mfcc"}, {"sepdiar": "0.1.0", "numpy": "2.4.6"})
        (folder / "run.toml").write_text(settings.to_toml())
        for value in values:
            item = folder / "items" / value.recording.id
            item.mkdir(parents=True)
            (item / "conversation.json").write_text(value.to_json())
            (item / "SUMS").touch()
        for failure in failures:
            (folder / "failures" / f"{failure.id}.json").write_text(failure.to_json())
        return folder

    return write
