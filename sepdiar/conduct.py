"""One pass over the inputs of a run: look at them, hand them to an engine, keep what comes back."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from sepdiar.audio.inputs import Input
from sepdiar.audio.limits import Limits
from sepdiar.config import Config
from sepdiar.derived import are_current, derive
from sepdiar.engine import Engine, Job, Outcome, Stop
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.ledger import Ledger, Row
from sepdiar.results import RunSummary
from sepdiar.space import space_needed
from sepdiar.store import Failure, Store, disk
from sepdiar.survey import Survey, Verdict

FULL = ("SD301", "SD303")
A_MOMENT = 1.0


def conduct(
    store: Store, config: Config, inputs: Sequence[Input], engine: Engine, listen: Listener, again: Set[str] = frozenset()
) -> RunSummary:
    """Bring every input to its end: an item, or a failure with a code. The store is open. Inputs are read beside the work.

    Failures of earlier runs stand, apart from those whose ids are in `again`.
    """
    with store.log() as log, interruptible() as stop:

        def tell(event: Event) -> None:
            log(event)
            listen(event)

        return _Pass(replace(store, listen=tell), config, inputs, once(tell), stop).over(engine, again)


class _Pass:
    def __init__(self, store: Store, config: Config, inputs: Sequence[Input], tell: Listener, stop: Stop) -> None:
        self.store, self.config, self.inputs, self.tell, self.stop = store, config, inputs, tell, stop
        self.began = time.monotonic()
        self.audio_seconds = 0.0
        self.before = store.done()
        self.ledger = Ledger.read(store.inputs)
        self.asked = [str(input.file) for input in inputs]
        self.former: Mapping[str, Failure] = {}

    def over(self, engine: Engine, again: Set[str]) -> RunSummary:
        self.ledger.forget_missing(set(self.asked), self.store.failures().keys() - self.before)
        self._settle()
        self.former = self.store.failures()
        done = self._done(self.before)
        facts = {"inputs": len(self.inputs), "done": done, "out": str(self.store.run), "stages": self.config.values["chain"]}
        self.tell(Event("run.started", "", facts))
        self._note_space(engine)
        standing = {id: failure for id, failure in self.former.items() if id not in again}
        survey = Survey(self.inputs, self.ledger, self.before, self.stop, Limits.of(self.config))
        with (
            self._full_disk_says_how_much(engine),
            survey.beside() as verdicts,
            self.ledger.kept(self.store.inputs) as learn,
        ):
            jobs = self._jobs(verdicts, learn, standing)
            for outcome in engine.run(self.config, jobs, self.store, self.tell, self.stop):
                self._keep(outcome)
            for _ in jobs:  # what was read, though it is not worked on any more
                pass
        if survey.complete:
            self._note_changes(self.ledger.outdated & self.before)
        self._settle()
        self.store.tell_broken()
        if not are_current(self.store):
            derive(self.store)
        summary = self._summary()
        self.tell(Event("run.finished", "", _facts(summary)))
        return summary

    def _settle(self) -> None:
        """Failures go that no input has any more, and those of finished items; then the ledger says so.

        In this order: whoever is stopped between finds the same ids again.
        """
        for id in sorted(self.ledger.outdated | self.before):
            self.store.forgive(id)
        self.store.write(self.store.inputs, self.ledger.text())

    def _jobs(
        self, verdicts: Iterator[Verdict | None], learn: Callable[[Row], None], standing: Mapping[str, Failure]
    ) -> Iterator[Job | None]:
        """What is to be worked on, as it becomes known; None where that takes a moment. The other inputs end here."""
        told, read = self.began, set[str]()
        for verdict in verdicts:
            if verdict is None:
                yield None
                continue
            learn(verdict.row)
            read.add(verdict.row.file)
            if verdict.failure:
                self._fail(verdict.failure, verdict.row.path)
            elif verdict.job and verdict.job.id in standing:
                self._tell_failure(standing[verdict.job.id], verdict.row.path)
            elif verdict.job:
                yield verdict.job
            if time.monotonic() - told > A_MOMENT:
                told = time.monotonic()
                self._tell_read(len(read))
        if told > self.began:
            self._tell_read(len(read))

    def _tell_read(self, read: int) -> None:
        """How far reading is, where it takes long."""
        facts = {"read": read, "inputs": len(self.inputs), "done": self._done(self.before)}
        self.tell(Event("inputs.read", "", facts))

    def _done(self, items: Set[str]) -> int:
        """How many inputs have one of these items, as far as is known."""
        return sum(file in self.ledger.rows and self.ledger.rows[file].id in items for file in self.asked)

    def _keep(self, outcome: Outcome) -> None:
        if outcome.failure:
            before = self.former[outcome.job.id].attempts if outcome.job.id in self.former else 0
            self._fail(replace(outcome.failure, attempts=before + outcome.failure.attempts), outcome.job.path)
        elif outcome.work:
            self.store.commit(outcome.job.id, outcome.work)
            self.audio_seconds += outcome.audio_seconds
            facts = {"audio_seconds": outcome.audio_seconds, "seconds": outcome.seconds}
            self.tell(Event("item.done", outcome.job.id, facts))

    def _fail(self, failure: Failure, path: str) -> None:
        self.store.record(failure)
        self._tell_failure(failure, path)

    def _tell_failure(self, failure: Failure, path: str) -> None:
        facts = {"code": failure.code, "message": failure.message, "hint": failure.hint, "path": path}
        self.tell(Event(f"item.{failure.outcome}", failure.id, facts))

    def _note_changes(self, ids: Set[str]) -> None:
        for id in sorted(ids):
            self.tell(Event("note", id, {"message": "its input has changed; the item of the former content stays"}))

    def _note_space(self, engine: Engine) -> None:
        needed, free = self._space(engine), self.store.free()
        if needed > free:
            self.tell(Event("note", "", {"message": f"{_megabytes(needed)} may be needed, and {_megabytes(free)} are free"}))

    def _space(self, engine: Engine) -> int:
        """What may be needed for the inputs that are neither done nor failed, as far as is known."""
        ended = self.store.done() | self.store.failures().keys()
        known = self.ledger.rows
        todo = [file for file in self.asked if file not in known or known[file].id not in ended]
        return space_needed(map(Path, todo), engine.workers)

    @contextmanager
    def _full_disk_says_how_much(self, engine: Engine) -> Iterator[None]:
        try:
            with disk.refusals(self.store.run):
                yield
        except SepdiarError as error:
            if error.code not in FULL:
                raise
            free = self.store.free()
            needed = max(self._space(engine), free)  # what is free now was not enough
            more = f"more than {_megabytes(free)}" if needed == free else _megabytes(needed)
            what = f"{error.what}; {more} may be needed, and {_megabytes(free)} are free"
            raise SepdiarError(error.code, what, where=error.where or str(self.store.run), hint=error.hint) from error

    def _summary(self) -> RunSummary:
        done, failures = self.store.done(), self.store.failures()
        ids = [self.ledger.rows[file].id for file in self.asked if file in self.ledger.rows]
        ended = [failures[id] for id in ids if id in failures and id not in done]
        kinds = Counter(failure.outcome for failure in ended)
        return RunSummary(
            self.store.run,
            len(self.inputs),
            self._done(done),
            kinds["failed"],
            kinds["skipped"],
            self._done(self.before),
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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _facts(summary: RunSummary) -> dict[str, float]:
    keys = ("done", "failed", "skipped", "seconds", "audio_seconds")
    return {key: getattr(summary, key) for key in keys}
