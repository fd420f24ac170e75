"""What a run holds, gathered from its items and failures one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

from markupsafe import Markup

from sepdiar.conversation import Conversation, Provenance, Score, canonical_json
from sepdiar.errors import CODES, SepdiarError
from sepdiar.reporting.timeline import timeline
from sepdiar.store import Failure, Store
from sepdiar.store.disk import SUMS
from sepdiar.store.items import VALUE, whole
from sepdiar.store.reading import read_text
from sepdiar.store.settings import Settings

SHOWN = 1000
"""Of more items than that the page shows the first; the totals are of all."""


@dataclass(frozen=True)
class Row:
    """One finished item: `shares` are its scores by name, None where there was nothing to count."""

    id: str
    path: str
    seconds: float
    rate: int
    speakers: int
    turns: int
    files: tuple[str, ...]
    notes: tuple[str, ...]
    shares: dict[str, float | None]
    timeline: Markup


@dataclass(frozen=True)
class Summary:
    """Everything that the page says."""

    settings: Settings
    items: Sequence[Row]
    done: int
    seconds: float
    dialogues: int
    scores: dict[str, Score]
    failures: Sequence[Failure]
    provenance: Sequence[Provenance]

    @property
    def failed(self) -> int:
        return sum(failure.outcome == "failed" for failure in self.failures)

    @property
    def skipped(self) -> int:
        return len(self.failures) - self.failed

    def share(self, name: str) -> float | None:
        """A figure over the whole run."""
        return self.scores[name].value if name in self.scores else None


def gather(run: Path) -> Summary:
    """The state of the run in that directory; SD207 where there is none."""
    store = Store(run)
    settings = store.settings()
    rows: list[Row] = []
    failures = [_failure(path) for path in sorted((run / "failures").glob("*.json"))]
    failures += [_damaged(folder.name, f"{SUMS} is missing") for folder in store.broken()]
    scores: dict[str, list[Score]] = {}
    provenance: dict[str, Provenance] = {}
    done = dialogues = 0
    seconds = 0.0
    for folder in whole(run):
        try:
            value = Conversation.from_json(read_text(folder / VALUE))
        except (OSError, ValueError, SepdiarError) as error:
            failures.append(_damaged(folder.name, str(error)))
            continue
        done += 1
        seconds += value.recording.seconds
        dialogues += len({track.file for track in value.tracks})
        for score in value.scores:
            scores.setdefault(score.name, []).append(score)
        for step in value.provenance:
            provenance.setdefault(
                canonical_json([step.stage, step.version, step.model, step.device, dict(step.parameters)]), step
            )
        if len(rows) < SHOWN:
            rows.append(_row(folder.name, value))
    totals = {name: reduce(add, parts) for name, parts in scores.items()}
    return Summary(settings, rows, done, seconds, dialogues, totals, failures, tuple(provenance.values()))


def _row(id: str, value: Conversation) -> Row:
    return Row(
        id=id,
        path=value.recording.path,
        seconds=value.recording.seconds,
        rate=value.recording.rate,
        speakers=len(value.speakers),
        turns=len(value.turns),
        files=tuple(dict.fromkeys(track.file for track in value.tracks)),
        notes=value.recording.notes,
        shares={score.name: score.value for score in value.scores},
        timeline=timeline(value),
    )


def _failure(path: Path) -> Failure:
    return Failure.read(path) or _damaged(path.stem, f"failures/{path.name} cannot be read")


def _damaged(id: str, message: str) -> Failure:
    return Failure(id, id, "SD306", message, CODES["SD306"].mend)
