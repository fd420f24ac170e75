"""What the events of a run add up to: how far it is, how fast, what is going on now."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from sepdiar.events import Event

FIRST_GUESS = {"transcribe": 20.0, "separate": 4.0}
"""How long a stage takes next to the others, until the first recording has shown it."""
ENDINGS = {"item.done": "done", "item.failed": "failed", "item.skipped": "skipped"}


@dataclass
class Under:
    """One recording under work: the stage that it is in, that stage's fraction, the stages behind it."""

    stage: str = ""
    fraction: float = 0.0
    behind: set[str] = field(default_factory=set)


@dataclass
class Tally:
    """Fed with every event of a run, in order."""

    total: int = 0
    before: int = 0
    stages: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    reading: str = ""
    """How far the inputs have been read, where that takes long and is not over."""
    audio_seconds: float = 0.0
    began: float = 0.0
    under: dict[str, Under] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds, by stage."""

    def __call__(self, event: Event) -> None:
        kind, facts = event.kind, event.facts
        if kind == "run.started":
            self.total, self.before, self.began = facts.get("inputs", 0), facts.get("done", 0), event.at
            self.stages = tuple(facts.get("stages", ()))
        elif kind == "inputs.read":
            self.before, read, inputs = facts["done"], facts["read"], facts["inputs"]
            self.reading = f"reading inputs {read}/{inputs}" if read < inputs else ""
        elif kind in ENDINGS:
            self.under.pop(event.item, None)
            self.counts[ENDINGS[kind]] += 1
            self.audio_seconds += facts.get("audio_seconds", 0.0)
        elif kind == "item.started":
            self.under[event.item] = Under()
        elif kind.startswith("stage."):
            self._stage(kind, self.under.setdefault(event.item, Under()), facts["stage"], event)

    def _stage(self, kind: str, work: Under, stage: str, event: Event) -> None:
        if kind == "stage.finished":
            work.behind.add(stage)
            self.spent[stage] = self.spent.get(stage, 0.0) + event.facts.get("seconds", 0.0)
        else:
            work.stage, work.fraction = stage, event.facts.get("fraction", 0.0)

    @property
    def ended(self) -> int:
        """Recordings that are done with, those of earlier runs too."""
        return self.before + self.counts.total()

    @property
    def position(self) -> float:
        """How many recordings are behind us, those under work by the share of their stages."""
        return self.ended + sum(map(self._share, self.under.values()))

    @property
    def active(self) -> str:
        """What goes on now: `diarize`, or `diarize 2, transcribe, reading inputs 7/9`."""
        now = Counter(work.stage for work in self.under.values() if work.stage)
        stages = [stage if many == 1 else f"{stage} {many}" for stage, many in sorted(now.items())]
        return ", ".join([*stages, *filter(None, [self.reading])])

    def speed(self, now: float | None = None) -> float | None:
        """Seconds of audio a second, over the recordings that are done."""
        elapsed = (now or time.time()) - self.began
        return self.audio_seconds / elapsed if self.audio_seconds and elapsed > 0 else None

    def left(self, now: float | None = None) -> float | None:
        """Seconds to go, if the rest goes as what is behind us went."""
        made = self.position - self.before
        if made < 0.05 or not self.began:
            return None
        return ((now or time.time()) - self.began) * (self.total - self.position) / made

    def _share(self, work: Under) -> float:
        stages = {*self.stages, *self.spent, *work.behind} or {work.stage}
        known = self.counts["done"] > 0 and any(self.spent.values())
        weight = {stage: self.spent.get(stage, 0.0) if known else FIRST_GUESS.get(stage, 1.0) for stage in stages}
        if not (whole := sum(weight.values())):
            return 0.0
        inside = weight.get(work.stage, 0.0) * work.fraction if work.stage not in work.behind else 0.0
        return min(0.99, (sum(weight[stage] for stage in work.behind) + inside) / whole)
