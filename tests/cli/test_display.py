"""What people and programs see of a run, from the events alone."""

from __future__ import annotations

import io
import json

import pytest

from sepdiar.cli import display, say
from sepdiar.cli.tally import Tally
from sepdiar.events import Event

STAGES = ("decode", "diarize", "transcribe")
EDGES = ("started", "finished")


def story(inputs: int = 4, done: int = 1, start: float = 1000.0) -> list[Event]:
    """One recording goes through, one fails, one is skipped; a second each."""
    failed = {"code": "SD112", "message": "a hole", "hint": "fetch it again", "path": "b.mp3"}
    skipped = {"code": "SD121", "message": "one speaker", "hint": "", "path": "c.wav"}
    grade = {"message": "demonstration grade"}
    return [
        Event("run.started", "", {"inputs": inputs, "done": done, "out": "out", "stages": list(STAGES)}, start),
        Event("item.started", "a", {"path": "a.wav"}, start),
        *(Event(f"stage.{what}", "a", {"stage": stage, "seconds": 0.1}, start) for stage in STAGES for what in EDGES),
        Event("note", "a", grade, start),
        Event("item.done", "a", {"audio_seconds": 20.0, "seconds": 1.0}, start + 1),
        Event("item.started", "b", {"path": "b.mp3"}, start + 1),
        Event("stage.started", "b", {"stage": "decode"}, start + 1),
        Event("note", "b", grade, start + 1),
        Event("item.failed", "b", failed, start + 2),
        Event("item.skipped", "c", skipped, start + 3),
        Event("run.finished", "", {}, start + 3),
    ]  # fmt: skip


def told(*events: Event) -> Tally:
    tally = Tally()
    for event in events:
        tally(event)
    return tally


def test_the_tally_counts_every_recording_once():
    tally = told(*story())
    assert (tally.total, tally.ended, dict(tally.counts)) == (4, 4, {"done": 1, "failed": 1, "skipped": 1})
    assert not tally.under and tally.position == 4
    assert tally.speed(now=1010.0) == 2.0


def test_the_position_grows_and_never_passes_what_is_done():
    tally, seen = Tally(), []
    for event in story():
        tally(event)
        seen.append(tally.position)
        assert tally.ended <= tally.position <= tally.total
    assert seen == sorted(seen)


def test_what_is_left_follows_from_what_is_behind():
    tally = told(*story()[:10])
    assert tally.ended == 2
    assert tally.left(now=1001.0) == pytest.approx(2.0)
    assert told(*story()[:1]).left() is None


def test_the_stages_that_go_on_are_named_once_with_their_number():
    started = [
        Event("stage.started", name, {"stage": stage}) for name, stage in (("a", "decode"), ("b", "decode"), ("c", "write"))
    ]
    assert told(*started).active == "decode 2, write"


def test_a_stage_known_to_take_long_weighs_more():
    begun = [story()[0], Event("item.started", "z"), Event("stage.finished", "z", {"stage": "decode"})]
    assert told(*begun).position < 1.1, "transcribe is expected to take most of the time"


def test_a_pipe_gets_a_line_for_each_end(capsys):
    lines = display.Lines()
    for event in story():
        lines(event)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "4 recordings into out, 1 done already",
        "note     a: demonstration grade",
        "done     2/4  a  20.0 s of audio in 1.0 s, 20 x real time",
        "failed   3/4  SD112 damaged: b.mp3: a hole",
        "  mend  fetch it again",
        "skipped  4/4  SD121 no stretch for two speakers: c.wav: one speaker",
        "note     2 recordings: demonstration grade",
    ]


def test_programs_get_one_object_a_line(capsys):
    for event in story():
        display.log_json(event)
    rows = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [row["kind"] for row in rows] == [event.kind for event in story()]
    assert {row["code"] for row in rows if "code" in row} == {"SD112", "SD121"}


def test_a_terminal_gets_a_bar_with_the_failures_above_it(monkeypatch):
    from rich.console import Console

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, no_color=True)
    with display.bar(console) as progress:
        listen = display.Bar(progress)
        for event in story():
            listen(event)
    text = say.click.unstyle(screen.getvalue())
    assert text.index("SD112 damaged: b.mp3: a hole") < text.rindex("4/4")
    assert text.count("demonstration grade") == 2 and "note     2 recordings: demonstration grade" in text


def test_the_drain_is_announced(capsys):
    display.Lines()(Event("run.stopping", "", {"busy": 2}))
    assert "2 recordings" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a\x1b[2J.wav", "a\nb.wav", "\udcff.wav", "a\x9b31m.wav", "[red]a[/red].wav"])
def test_no_name_can_drive_the_terminal(name, capsys):
    lines = display.Lines()
    lines(story()[0])
    lines(Event("item.failed", "x", {"code": "SD105", "message": name, "hint": name, "path": name}))
    printed = capsys.readouterr().err
    assert not set(printed) & {"\x1b", "\x9b", "\udcff"}
    assert len(printed.splitlines()) == 3
