"""The stage that says how wrong a recording probably is, with an interval, where that was learnt for the same models."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from sepdiar import __version__
from sepdiar.calibration.features import features
from sepdiar.calibration.model import COVERAGE, Model
from sepdiar.conversation import Conversation, Provenance, Score
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Stage, Take

LEARNT = ("diarize", "separate")
"""The stages that have to be those of the calibration."""


class Predict(Stage):
    """Adds `predicted-der` and `predicted-onsets-missed`, each with `-low` and `-high`, to the scores of an item.

    They add over recordings, weighed by speech and by turns. `calibration` is the name of what was learnt; for other models than
    those it was learnt of, nothing is predicted, and a note says so.
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
        if made_by(value) != self._known["made_by"]:
            message = f"no error is predicted: the calibration {self.calibration} was learnt of other models or settings"
            emit(Event("note", value.recording.id, {"message": message}))
            return take
        told = features(value)
        scores = list(value.scores)
        weights = {"der": value.recording.seconds, "onsets-missed": float(len(value.turns))}
        for name, facts in self._known["models"].items():
            if guess := Model.of(facts).guess(told):
                for edge, part in (("", guess.value), ("-low", guess.low), ("-high", guess.high)):
                    scores.append(Score(f"predicted-{name}{edge}", part * weights[name], weights[name], UNITS[name]))
        return take.with_value(scores=tuple(scores))


UNITS = {"der": "seconds", "onsets-missed": "turns"}


def made_by(conversation: Conversation) -> dict[str, list[str]]:
    """The backend and the models of the stages that decide the error."""
    found = {}
    for step in conversation.provenance:
        if step.stage in LEARNT:
            found[step.stage] = [str(step.parameters.get("backend", "")), step.model, step.model_sha256]
    return found
