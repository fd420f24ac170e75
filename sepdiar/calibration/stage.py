"""The stage that says how wrong a recording probably is, with an interval, where that was learnt for the same models."""

from __future__ import annotations

import json
from collections.abc import Set
from importlib.resources import files
from typing import Any

from sepdiar import __version__
from sepdiar.calibration.features import features
from sepdiar.calibration.model import COVERAGE, Model
from sepdiar.calibration.targets import HEARS, TARGETS, WHO, made_by, words
from sepdiar.conversation import Provenance, Score
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Stage, Take


class Predict(Stage):
    """Adds what is to be expected to an item's scores, each with `-low` and `-high`.

    `predicted-der`, `predicted-onsets-missed`, `predicted-overlap-error` and `predicted-cpwer` add over recordings, weighed by
    seconds, by turns, by seconds of overlap, and by the words that were heard. `calibration` names what was learnt: for other
    models or settings than those it was learnt of, nothing is predicted, and for another recogniser no `predicted-cpwer`, and a
    note says so. A recording processed without words has no `predicted-cpwer` either.
    """

    name = "predict"
    requires = frozenset({"scores"})
    provides = frozenset({"prediction"})

    def __init__(self, calibration: str = "embedded") -> None:
        self.calibration = calibration
        self._known: dict[str, Any] = {}

    def check(self) -> None:
        if not files("sepdiar.calibration").joinpath(f"{self.calibration}.json").is_file():
            raise SepdiarError("SD202", f"nothing is learnt under {self.calibration!r}", where="predict.calibration")

    def open(self) -> None:
        text = files("sepdiar.calibration").joinpath(f"{self.calibration}.json").read_text(encoding="utf-8")
        self._known = json.loads(text)

    def provenance(self) -> Provenance:
        return Provenance(self.name, __version__, parameters={"calibration": self.calibration, "coverage": COVERAGE})

    def run(self, take: Take, emit: Listener) -> Take:
        value = take.conversation
        if not any(step.stage == "separate" for step in value.provenance) or not value.turns:
            return take  # one speaker a channel already: nothing was separated
        told, scores = features(value), list(value.scores)
        made, learnt = made_by(value), self._known["made_by"]
        other = {stage for stage in (*WHO, HEARS) if made.get(stage) != learnt.get(stage)}
        if message := self._unlike(other, words(value)):
            emit(Event("note", value.recording.id, {"message": message}))
        for name, facts in self._known["models"].items():
            target = TARGETS[name]
            weight = target.weight(value)
            if weight and other.isdisjoint(target.stages) and (guess := Model.of(facts).guess(told)):
                for edge, part in (("", guess.value), ("-low", guess.low), ("-high", guess.high)):
                    scores.append(Score(f"predicted-{name}{edge}", part * weight, weight, target.unit))
        return take.with_value(scores=tuple(scores))

    def _unlike(self, other: Set[str], heard: int) -> str:
        """What a user is told of stages that are not the calibration's; "" where they leave nothing out."""
        if other & {*WHO}:
            return f"no error is predicted: the calibration {self.calibration} was learnt of other models or settings"
        if other and heard:
            return f"no word error is predicted: the calibration {self.calibration} was learnt with another recogniser"
        return ""
