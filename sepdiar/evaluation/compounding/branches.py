"""Many chains over one recording: what two of them have in common, from the first stage on, is done once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sepdiar.config import Config
from sepdiar.conversation import canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.events import Listener
from sepdiar.pipeline import Pipeline, Stage, Take

REFUSALS = "SD1"  # codes of what is wrong with a recording; any other ends the measurement


@dataclass(frozen=True)
class Step:
    """A stage with its settings: equal for chains that do the same there."""

    stage: str
    settings: str


class Workshop:
    """The stages of all chains, each made and opened once."""

    def __init__(self) -> None:
        self._stages: dict[Step, Stage] = {}
        self._open: set[Step] = set()

    def steps(self, config: Config, last: str) -> tuple[Step, ...]:
        """The chain of a configuration up to the stage `last`; SD2xx where it cannot work."""
        pipeline = config.pipeline()
        shared = {key: config.values.get(key) for key in ("device", "seed")}
        steps = []
        for stage in pipeline.stages:
            step = Step(stage.name, canonical_json({**shared, **config.section(stage.name)}))
            self._stages.setdefault(step, stage)
            steps.append(step)
            if stage.name == last:
                break
        return tuple(steps)

    def opened(self, step: Step) -> Stage:
        """The stage, its models loaded."""
        if step not in self._open:
            self._stages[step].open()
            self._open.add(step)
        return self._stages[step]


class Branches:
    """One recording, and where each chain has brought it."""

    def __init__(self, take: Take, workshop: Workshop, listen: Listener) -> None:
        self._done: dict[tuple[Step, ...], Take | SepdiarError] = {(): take}
        self._workshop, self._listen = workshop, listen

    def after(self, steps: tuple[Step, ...]) -> Take | SepdiarError:
        """The take behind these stages, or why the recording was refused by one of them."""
        if steps not in self._done:
            before = self.after(steps[:-1])
            self._done[steps] = before if isinstance(before, SepdiarError) else self._run(steps[-1], before)
        return self._done[steps]

    def _run(self, step: Step, take: Take) -> Take | SepdiarError:
        try:
            return Pipeline([self._workshop.opened(step)]).run(self._apart(take), self._listen)
        except SepdiarError as error:
            if not error.code.startswith(REFUSALS):
                raise
            return error

    def _apart(self, take: Take) -> Take:
        """The same take with folders of its own for what comes next; files that are made stay where they are."""
        number = len(self._done)
        scratch = take.scratch.parent / f"scratch-{number}"
        scratch.mkdir()
        if take.conversation.tracks:
            return replace(take, scratch=scratch)
        item = take.item.parent / f"item-{number}"
        item.mkdir()
        return replace(take, scratch=scratch, item=item)
