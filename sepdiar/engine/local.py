"""Worker processes on this machine: one recording in each at a time, and none can harm another."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Any

from sepdiar.config import Config
from sepdiar.engine import Job, Outcome, Stop
from sepdiar.engine.process import WorkerProcess
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.store import Failure, Store, Work

ATTEMPTS = 3
DIED = "SD902"
TICK = 0.25
GRACE = 5.0
TIMES_LENGTH = 30.0


class LocalEngine:
    """`workers` processes; a recording may take `timeout` seconds, and 30 times its length on top once that is known."""

    def __init__(self, workers: int | None = None, timeout: float = 1200.0) -> None:
        if workers is not None and workers < 1:
            raise SepdiarError("SD202", f"at least one worker is needed, not {workers}", where="workers")
        self.workers = workers or _cpus()
        self.timeout = timeout
        self._loaded: list[WorkerProcess] = []

    def load(self, config: Config, store: Store, listen: Listener) -> None:
        """Start one worker and wait until it has loaded the chain, before anything is written; it is kept for `run`."""
        crew = _Crew(config, [], store, listen, self.timeout, [WorkerProcess(config.values)])
        try:
            while not all(worker.ready for worker in crew.workers) or not crew.workers:
                if not crew.workers:
                    crew.workers.append(WorkerProcess(config.values))
                crew.outcomes(TICK)
        except BaseException:
            crew.close()
            raise
        self._loaded = crew.workers

    def run(self, config: Config, jobs: Iterable[Job | None], store: Store, listen: Listener, stop: Stop) -> Iterator[Outcome]:
        """Each job's outcome once; see `sepdiar.engine.Engine`."""
        crew = _Crew(config, jobs, store, listen, self.timeout, self._loaded)
        self._loaded = []
        drained_by = float("inf")
        try:
            while not crew.finished:
                if stop.drain:
                    if drained_by == float("inf"):
                        drained_by = time.monotonic() + GRACE
                        listen(Event("run.stopping", "", {"busy": len(crew.busy), "grace": GRACE}))
                    crew.waiting.clear()
                else:
                    crew.hear_of_more()
                if stop.now or time.monotonic() > drained_by or (stop.drain and not crew.busy):
                    return
                crew.fill(self.workers)
                ended = crew.outcomes(0 if crew.idle else TICK)
                if not stop.drain:
                    crew.fill(self.workers)  # nobody waits while outcomes are committed
                yield from ended
        finally:
            crew.close()


class _Crew:
    def __init__(
        self,
        config: Config,
        jobs: Iterable[Job | None],
        store: Store,
        listen: Listener,
        timeout: float,
        workers: Sequence[WorkerProcess] = (),
    ) -> None:
        self.config, self.store, self.listen, self.timeout = config, store, listen, timeout
        self.coming = iter(jobs)
        self.more = True
        self.waiting: deque[Job] = deque()
        self.attempts: dict[str, int] = {}
        self.workers = list(workers)
        self.stillborn = 0
        self.configuration = store.settings().facts if jobs else {}

    @property
    def busy(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.job]

    @property
    def idle(self) -> bool:
        """Nothing is done, and nothing is to be done that is known of: what is waited for is the next job."""
        return self.more and not self.waiting and not self.busy

    @property
    def finished(self) -> bool:
        return not self.more and not self.waiting and not self.busy

    def hear_of_more(self) -> None:
        """Every job that is known by now."""
        for job in self.coming:
            if job is None:
                return
            self.waiting.append(job)
        self.more = False

    def fill(self, limit: int) -> None:
        """As many workers as there is work for, and each that is ready has a recording."""
        while len(self.workers) < min(limit, len(self.waiting) + len(self.busy)):
            self.workers.append(WorkerProcess(self.config.values))
        for worker in self.workers:
            if worker.ready and not worker.job and self.waiting:
                job = self.waiting.popleft()
                if job.id not in self.attempts:
                    self.listen(Event("item.started", job.id, {"path": job.path}))
                self.attempts[job.id] = self.attempts.get(job.id, 0) + 1
                worker.give(job, self.store.begin(job.id), self.configuration)

    def outcomes(self, patience: float) -> list[Outcome]:
        """What came to an end within `patience` seconds."""
        found: list[Outcome] = []
        lines = {worker.connection: worker for worker in self.workers}
        for line in wait(list(lines), patience):
            worker = lines[line]  # type: ignore[index]
            message = worker.hear()
            made = self._heard(worker, message) if message else self._lost(worker)
            if made:
                found.append(made)
        found += [self._stopped(worker) for worker in self.workers[:] if self._late(worker)]
        return found

    def close(self) -> None:
        """End every worker; what they did not finish is forgotten."""
        for worker in self.workers:
            worker.close()
            if worker.work:
                self.store.discard(worker.work)
        self.workers.clear()

    def _heard(self, worker: WorkerProcess, message: dict[str, Any]) -> Outcome | None:
        kind = message["kind"]
        if kind == "event":
            self._pass_on(worker, message)
        elif kind == "ready":
            worker.ready, self.stillborn = True, 0
        elif kind == "refused":
            raise _error({**message, "where": message["where"] or str(self.store.run)})
        elif kind == "done":
            job, work, seconds = self._freed(worker)
            return Outcome(job, work, None, seconds, message["audio_seconds"])
        elif kind == "failed":
            return self._failed(worker, _error(message), message["stage"], message.get("traceback", ""))
        return None

    def _pass_on(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        facts = message["facts"]
        if message["event"] == "stage.started":
            worker.stage = facts["stage"]
        elif message["event"] == "stage.finished":
            worker.audio_seconds = facts.get("audio_seconds", 0.0)
        self.listen(Event(message["event"], message["item"], facts, message["at"]))

    def _freed(self, worker: WorkerProcess) -> tuple[Job, Work, float]:
        job, work = worker.job, worker.work
        if job is None or work is None:
            raise RuntimeError("a worker without a recording has finished one")
        worker.job = worker.work = None
        return job, work, time.monotonic() - worker.since

    def _failed(self, worker: WorkerProcess, error: SepdiarError, stage: str, traceback: str = "") -> Outcome:
        job, work, seconds = self._freed(worker)
        self.store.discard(work)
        record = Failure.of(job.id, job.name, error, stage)
        attempts = self.attempts[job.id] if error.code == DIED else 1  # a worker that died before is no fault of the recording
        return Outcome(job, None, replace(record, attempts=attempts, traceback=traceback), seconds)

    def _lost(self, worker: WorkerProcess) -> Outcome | None:
        """A worker that died: its recording is tried again, or given up; without one, the machine may be at fault."""
        how = worker.died()
        words = f"a worker died: {how}\n{worker.last_words()}".strip()
        self.listen(Event("note", worker.job.id if worker.job else "", {"message": words}))
        self._dismiss(worker)
        if not worker.job:
            self.stillborn += not worker.ready
            if self.stillborn == ATTEMPTS:
                raise SepdiarError("SD252", f"the worker died while it loaded the chain: {how}", hint="sepdiar doctor")
            return None
        if self.attempts[worker.job.id] == ATTEMPTS:
            return self._failed(worker, SepdiarError(DIED, how), worker.stage)
        job, work, _ = self._freed(worker)
        self.store.discard(work)
        self.waiting.appendleft(job)
        return None

    def _late(self, worker: WorkerProcess) -> bool:
        allowed = self.timeout + TIMES_LENGTH * worker.audio_seconds
        return (worker.job is not None or not worker.ready) and time.monotonic() - worker.since > allowed

    def _stopped(self, worker: WorkerProcess) -> Outcome:
        """End a worker that takes too long: what it works on has failed."""
        self._dismiss(worker)
        if not worker.job:
            raise SepdiarError("SD252", f"the worker did not load the chain in {self.timeout:g} s", hint="sepdiar doctor")
        allowed = self.timeout + TIMES_LENGTH * worker.audio_seconds
        return self._failed(worker, SepdiarError("SD140", f"stopped after {allowed:.0f} s"), worker.stage)

    def _dismiss(self, worker: WorkerProcess) -> None:
        worker.close()
        self.workers.remove(worker)


def _error(message: dict[str, Any]) -> SepdiarError:
    return SepdiarError(message["code"], message["what"], where=message["where"], hint=message["hint"])


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
