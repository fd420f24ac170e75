"""F12: a device without memory: less is heard at once, in few steps, which the item tells; the next recording begins with all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from sepdiar.config import resolve, setting
from sepdiar.conversation import Conversation, Recording
from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.pipeline import Take
from sepdiar.run import process

CHAIN = 'chain=["decode", "diarize", "separate", "assemble", "write"]'
STEPS = 6  # of a batch of 8 windows of 8 s: 4, 2, 1, then windows of 4 s and of 2 s, then the end
ALWAYS = 10**9


def settings(podcasts: Path, first: int, last: int, batch: int = 8) -> list[str]:
    """Every second of a recording separated, its true turns given."""
    turns = podcasts.parent / "truth" / "bread" / "truth.rttm"
    hungry = [f"separate.hungry.first={first}", f"separate.hungry.last={last}"]
    alone = ["separate.everywhere=true", "separate.voice=", "separate.doubt=0", f"separate.batch={batch}"]
    return [CHAIN, f"diarize.oracle.turns={turns}", *alone, *hungry]


NAMED = {"diarize.backend": "oracle", "separate.backend": "hungry"}


@dataclass(frozen=True)
class Made:
    sound: bytes
    memory: Any
    calls: int
    notes: list[str]


@pytest.fixture
def separated(tiny: Path, tmp_path: Path, podcasts: Path) -> Callable[..., Made]:
    """One recording through the chain, whose separator fails from one call to another."""

    def run(first: int, last: int, batch: int = 8) -> Made:
        config = resolve("embedded", flags=NAMED | dict(map(setting, settings(podcasts, first, last, batch))), environ={})
        pipeline = config.pipeline()
        pipeline.open()
        folders = [tmp_path / f"{first}-{last}" / name for name in ("item", "scratch")]
        for folder in folders:
            folder.mkdir(parents=True)
        heard: list[Event] = []
        take = Take(Conversation(Recording("bread", "bread.flac", "")), podcasts / "bread.flac", *folders)
        made = pipeline.run(take, heard.append)
        told = next(one for one in made.conversation.provenance if one.stage == "separate")
        separator: Any = next(stage for stage in pipeline.stages if stage.name == "separate")
        notes = [event.facts["message"] for event in heard if event.kind == "note" and "out of memory" in event.facts["message"]]
        sound = (folders[0] / "dialogue-000.flac").read_bytes()
        return Made(sound, told.parameters.get("out_of_memory"), separator.made.calls, notes)

    return run


def test_f12_one_call_that_fails_costs_nothing_but_a_line(separated: Callable[..., Made], record_property: Any) -> None:
    plain = separated(0, 0, batch=2)
    assert plain.memory is None and not plain.notes and plain.calls >= 2
    for call in range(1, plain.calls + 1):
        less = separated(call, call, batch=2)
        assert less.sound == plain.sound
        assert less.memory == {"times": 1, "batch": 1, "window": 8.0} and len(less.notes) == 1
    record_property("cases", plain.calls)


def test_f12_the_ladder_has_few_steps(separated: Callable[..., Made], record_property: Any) -> None:
    for step in range(1, STEPS):
        less = separated(1, step)
        assert less.memory == {"times": step, "batch": max(8 >> step, 1), "window": 8.0 / 2 ** max(step - 3, 0)}
    with pytest.raises(SepdiarError, match=r"SD254.*one window of 2 s"):
        separated(1, ALWAYS)
    record_property("cases", STEPS)


def test_f12_in_a_run_it_is_told_and_the_next_recording_begins_with_all(tiny: Path, podcasts: Path, tmp_path: Path) -> None:
    """The first recording meets the lack twice; the second is as if there had been none."""
    corpus, out = tmp_path / "in", tmp_path / "out"
    corpus.mkdir()
    shutil.copy(podcasts / "bread.flac", corpus / "bread.flac")
    (corpus / "second").mkdir()
    (corpus / "second" / "bread.flac").write_bytes((podcasts / "bread.flac").read_bytes() + bytes(1))
    heard: list[Event] = []
    flags = [f'{key}="{value}"' for key, value in NAMED.items()]
    made = process([corpus], out, recipe="embedded", settings=[*settings(podcasts, 1, 2), *flags], workers=1, listen=heard.append)
    told = {
        one["parameters"].get("out_of_memory", {}).get("times", 0)
        for path in out.glob("items/*/conversation.json")
        for one in json.loads(path.read_text())["provenance"]
        if one["stage"] == "separate"
    }
    assert made.done == 2 and told == {0, 2}
    assert sum("out of memory" in event.facts.get("message", "") for event in heard) == 1


def test_f12_where_there_is_never_enough_the_run_ends_and_says_so(tiny: Path, podcasts: Path, tmp_path: Path) -> None:
    """It is the machine that cannot do it, not the recording: nothing is held against that."""
    out = tmp_path / "out"
    flags = [*settings(podcasts, 1, ALWAYS), *(f'{key}="{value}"' for key, value in NAMED.items())]
    with pytest.raises(SepdiarError, match="SD254") as refused:
        process([podcasts / "bread.flac"], out, recipe="embedded", settings=flags, workers=1)
    assert "--device cpu" in refused.value.hint
    assert not list(out.glob("items/*")) and not list(out.glob("failures/*")) and not list(out.glob("tmp/*"))
