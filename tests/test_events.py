"""Events: values that a listener may keep, and that travel from a worker to the screen."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import pytest

from sepdiar.events import Event, silence


def test_an_event_is_a_value_with_a_time():
    first, second = Event("note", "talk", {"message": "m"}), Event("note", "talk", {"message": "m"})
    assert first.at <= second.at
    with pytest.raises(FrozenInstanceError):
        first.kind = "other"


def test_an_event_survives_the_way_from_a_worker():
    event = Event("stage.progress", "talk", {"stage": "decode", "fraction": 0.5})
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301 - our own bytes


def test_silence_listens_to_anything():
    assert silence(Event("run.started")) is None
