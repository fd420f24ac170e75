"""A note on the whole run is told once; notes on a recording and everything else are all told."""

from __future__ import annotations

from sepdiar.conduct import once
from sepdiar.events import Event


def test_a_note_on_the_whole_run_is_told_once() -> None:
    whole, other = Event("note", "", {"message": "demonstration"}), Event("note", "", {"message": "another"})
    talk, done = Event("note", "talk", {"message": "demonstration"}), Event("item.done", "talk", {})
    told: list[Event] = []
    tell = once(told.append)
    for event in (whole, talk, done, whole, other, talk, done):
        tell(event)
    assert told == [whole, talk, done, other, talk, done]
