"""A chain that cannot work is refused before anything is loaded; one that can leaves its traces in the value."""

from __future__ import annotations

import itertools

import pytest

from sepdiar.conversation import Conversation, Provenance, Recording, Span, Turn
from sepdiar.errors import SepdiarError
from sepdiar.pipeline import Pipeline, Stage, Take, fingerprint


class Step(Stage):
    """Turns what it requires into what it provides, and remembers what was asked of it."""

    def __init__(self, name, requires, provides, refuses="", traced=True):
        self.name, self.requires, self.provides = name, frozenset(requires), frozenset(provides)
        self.refuses, self.traced, self.calls = refuses, traced, []

    def check(self):
        if self.refuses:
            raise SepdiarError(self.refuses, self.name)

    def open(self):
        self.calls.append("open")

    def run(self, take, emit):
        self.calls.append("run")
        return take.with_value(turns=(*take.conversation.turns, Turn(self.name, Span(0, 1))))

    def provenance(self):
        return Provenance(self.name, "1") if self.traced else None


def chain(**changes):
    return [
        Step("hear", {"file"}, {"audio"}),
        Step("split", {"audio"}, {"turns"}, traced=changes.get("traced", True)),
        Step("read", {"audio", "turns"}, {"words"}, changes.get("refuses", "")),
    ]


@pytest.fixture
def take(tmp_path):
    return Take(Conversation(Recording("talk", "talk.wav", "")), tmp_path / "talk.wav", tmp_path, tmp_path)


def test_only_the_order_in_which_everybody_has_what_they_need_is_accepted():
    for order in itertools.permutations(chain()):
        names = [stage.name for stage in order]
        if names == ["hear", "split", "read"]:
            Pipeline(order).check()
        else:
            with pytest.raises(SepdiarError, match="SD204"):
                Pipeline(order).check()


def test_the_refusal_names_the_stage_and_all_that_it_lacks():
    with pytest.raises(SepdiarError, match="read needs audio and turns, and no stage"):
        Pipeline(chain()[2:]).check()


def test_a_stage_may_refuse_the_machine_and_nothing_is_loaded():
    stages = chain(refuses="SD253")
    with pytest.raises(SepdiarError, match="SD253"):
        Pipeline(stages).check()
    assert not any(stage.calls for stage in stages)


def test_each_stage_is_opened_once_and_run_once_a_recording_in_order(take):
    pipeline = Pipeline(chain(traced=False))
    pipeline.open()
    events = []
    made = pipeline.run(take, events.append)
    pipeline.run(take)
    assert [stage.calls for stage in pipeline.stages] == [["open", "run", "run"]] * 3
    assert [turn.speaker for turn in made.conversation.turns] == ["hear", "split", "read"]
    assert [step.stage for step in made.conversation.provenance] == ["hear", "read"]
    told = [(event.kind, event.item, event.facts["stage"]) for event in events]
    assert told == [(f"stage.{what}", "talk", name) for name in ("hear", "split", "read") for what in ("started", "finished")]
    assert not take.conversation.turns, "what came in is left as it was"


def test_a_failure_in_a_stage_comes_through_as_it_is(take):
    class Broken(Step):
        def run(self, take, emit):
            raise SepdiarError("SD112", "a hole", where="talk.wav")

    with pytest.raises(SepdiarError, match=r"SD112 damaged: talk\.wav: a hole"):
        Pipeline([Broken("hear", {"file"}, {"audio"})]).run(take)


def test_a_stage_that_needs_audio_before_it_is_decoded_says_so(take):
    with pytest.raises(SepdiarError, match="SD204"):
        _ = take.sound


def test_the_fingerprint_is_of_the_facts_and_not_of_their_order():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1, "b": [1, 2]}) != fingerprint({"a": 1, "b": [2, 1]})
    assert len(fingerprint({})) == 64
