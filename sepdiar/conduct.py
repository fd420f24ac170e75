"""One pass over the inputs of a run: look at them, hand them to an engine, keep what comes back."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from sepdiar.audio.inputs import Input
from sepdiar.config import Config
from sepdiar.derived import are_current, derive
from sepdiar.engine import Engine, Job, Outcome, Stop
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.ledger import Ledger
from sepdiar.results import RunSummary
from sepdiar.store import Failure, Store, disk

FULL = ("SD301", "SD303")
LOSSLESS = (b"RIFF", b"RF64", b"fLaC")


def conduct(
    store: Store, config: Config, inputs: Sequence[Input], engine: Engine, listen: Listener, again: Set[str] = frozenset()
) -> RunSummary:
    """Bring every input to its end: an item, or a failure with a code. The store is open.

    Failures of earlier runs stand, apart from those whose ids are in `again`.
    """
    with store.log() as log, interruptible() as stop:

        def tell(event: Event) -> None:
            log(event)
            listen(event)

        return _Pass(replace(store, listen=tell), once(tell), stop).over(config, inputs, engine, again)


class _Pass:
    def __init__(self, store: Store, tell: Listener, stop: Stop) -> None:
        self.store, self.tell, self.stop = store, tell, stop
        self.began = time.monotonic()
        self.audio_seconds = 0.0

    def over(self, config: Config, inputs: Sequence[Input], engine: Engine, again: Set[str]) -> RunSummary:
        before = self.store.done()
        ledger = Ledger.read(self.store.inputs)
        survey = ledger.survey(inputs, before, self.stop)
        ledger.update(survey)
        missing = ledger.forget_missing(survey, self.store.failures().keys() - before)
        for id in sorted(survey.outdated | before | missing):
            self.store.forgive(id)
        self.store.write(self.store.inputs, ledger.text())  # last: whoever is stopped before finds the same ids again
        self._note_changes(survey.outdated & before)

        standing = self.store.failures()
        todo = [job for job in survey.jobs if job.id not in before and (job.id in again or job.id not in standing)]
        done = sum(job.id in before for job in survey.jobs)
        facts = {"inputs": len(inputs), "done": done, "out": str(self.store.run), "stages": config.values["chain"]}
        self.tell(Event("run.started", "", facts))
        self._note_space(todo)
        for job in survey.jobs:
            if job.id in standing and job.id not in again:
                self._tell_failure(standing[job.id])
        for failure in survey.failures:
            self._fail(failure)
        with self._full_disk_says_how_much(todo):
            for outcome in engine.run(config, todo, self.store, self.tell, self.stop):
                self._keep(outcome, standing.get(outcome.job.id))
        self.store.tell_broken()
        if not are_current(self.store):
            derive(self.store)
        summary = self._summary([row.id for row in survey.rows], done)
        self.tell(Event("run.finished", "", _facts(summary)))
        return summary

    def _keep(self, outcome: Outcome, former: Failure | None) -> None:
        if outcome.failure:
            before = former.attempts if former else 0
            self._fail(replace(outcome.failure, attempts=before + outcome.failure.attempts))
        elif outcome.work:
            self.store.commit(outcome.job.id, outcome.work)
            self.audio_seconds += outcome.audio_seconds
            facts = {"audio_seconds": outcome.audio_seconds, "seconds": outcome.seconds}
            self.tell(Event("item.done", outcome.job.id, facts))

    def _fail(self, failure: Failure) -> None:
        self.store.record(failure)
        self._tell_failure(failure)

    def _tell_failure(self, failure: Failure) -> None:
        facts = {"code": failure.code, "message": failure.message, "hint": failure.hint, "path": failure.path}
        self.tell(Event(f"item.{failure.outcome}", failure.id, facts))

    def _note_changes(self, ids: Set[str]) -> None:
        for id in sorted(ids):
            self.tell(Event("note", id, {"message": "its input has changed; the item of the former content stays"}))

    def _note_space(self, todo: Sequence[Job]) -> None:
        needed = space_needed([job.file for job in todo])
        if needed > self.store.free():
            self.tell(Event("note", "", {"message": self._space(needed)}))

    @contextmanager
    def _full_disk_says_how_much(self, todo: Sequence[Job]) -> Iterator[None]:
        try:
            with disk.refusals(self.store.run):
                yield
        except SepdiarError as error:
            if error.code not in FULL:
                raise
            done = self.store.done()
            more = self._space(space_needed([job.file for job in todo if job.id not in done]))
            where = error.where or str(self.store.run)
            raise SepdiarError(error.code, f"{error.what}; {more}", where=where, hint=error.hint) from error

    def _space(self, needed: int) -> str:
        return f"about {needed / 1e6:.1f} MB may be needed, and {self.store.free() / 1e6:.1f} MB are free"

    def _summary(self, ids: Sequence[str], already_done: int) -> RunSummary:
        done, failures = self.store.done(), self.store.failures()
        ended = [failures[id] for id in ids if id in failures and id not in done]
        kinds = Counter(failure.outcome for failure in ended)
        return RunSummary(
            self.store.run,
            len(ids),
            sum(id in done for id in ids),
            kinds["failed"],
            kinds["skipped"],
            already_done,
            self.audio_seconds,
            time.monotonic() - self.began,
            dict(sorted(Counter(failure.code for failure in ended).items())),
            len(done),
        )


def once(listen: Listener) -> Listener:
    """A note on the whole run is told once, though every recording brings it again."""
    told: set[str] = set()

    def tell(event: Event) -> None:
        if event.kind == "note" and not event.item:
            if event.facts["message"] in told:
                return
            told.add(event.facts["message"])
        listen(event)

    return tell


def space_needed(files: Sequence[Path]) -> int:
    """Bytes that the items of these inputs may take, a guess on the safe side: two channels, compressed without loss."""
    needed = 0
    for path in files:
        with suppress(OSError), path.open("rb") as file:  # its worker will say what is wrong with it
            needed += path.stat().st_size * (2 if file.read(4) in LOSSLESS else 12)
    return needed


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Inside, the first Ctrl-C or SIGTERM asks to drain and the second to stop now. Only the main thread can hear them."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def hear(number: int, frame: FrameType | None) -> None:
        stop.now, stop.drain = stop.drain, True

    former = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _facts(summary: RunSummary) -> dict[str, float]:
    keys = ("done", "failed", "skipped", "seconds", "audio_seconds")
    return {key: getattr(summary, key) for key in keys}
