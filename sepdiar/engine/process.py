"""A worker process as its parent sees it: started, spoken with, and ended for certain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any

from sepdiar.engine import Job
from sepdiar.environment import for_child
from sepdiar.store import Work

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYANNOTE_METRICS_ENABLED": "0"}
TAIL = 2000


class WorkerProcess:
    """One process with a process group of its own, so that nothing that it starts outlives it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.job: Job | None = None
        self.work: Work | None = None
        self.ready = False
        self.since = time.monotonic()
        self.audio_seconds = 0.0
        self.stage = ""
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self.line, theirs = Pipe()
        watched, self.life = os.pipe()
        ends = (theirs.fileno(), watched)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sepdiar.engine.worker", *map(str, ends)],
                stdin=subprocess.DEVNULL,
                stdout=self.errors,
                stderr=self.errors,
                env=_environment(),
                pass_fds=ends,
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(watched)
        self._say({"settings": dict(settings)})

    @property
    def connection(self) -> Connection:
        """What to wait for."""
        return self.line

    def give(self, job: Job, work: Work, configuration: Mapping[str, Any]) -> None:
        """Hand it a recording, and what its item shall say of what made it."""
        self.job, self.work, self.since, self.audio_seconds, self.stage = job, work, time.monotonic(), 0.0, ""
        facts = {"id": job.id, "path": job.name, "sha256": job.sha256, "file": str(job.file), "stamp": job.stamp}
        self._say({**facts, "work": str(work.folder), "configuration": dict(configuration)})

    def hear(self) -> dict[str, Any] | None:
        """Its next message, or None where it is dead."""
        try:
            message: dict[str, Any] = json.loads(self.line.recv_bytes())
        except (EOFError, OSError):
            return None
        return message

    def end(self) -> str:
        """Kill it with everything that it started; how it ended, in words."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self._ended()

    def died(self) -> str:
        """How it ended by itself, in words."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)
        return self.end()

    def last_words(self) -> str:
        """The end of what it wrote where nobody should write."""
        self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, self.errors.tell() - TAIL))
        return self.errors.read().decode(errors="replace")

    def close(self) -> None:
        """End it and give back what it held."""
        self.end()
        self.line.close()
        os.close(self.life)
        self.errors.close()

    def _ended(self) -> str:
        code = self.process.wait()
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"it ended with status {code}"

    def _say(self, message: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # it is dead: the end of the line will tell
            self.line.send_bytes(json.dumps(message).encode())


def _environment() -> dict[str, str]:
    """One thread a worker, the parent's import path, no network, no tokens, the same order of sets everywhere."""
    threads = {f"{name}_NUM_THREADS": "1" for name in THREADS}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return for_child(**threads, **OFFLINE, PYTHONPATH=path, PYTHONHASHSEED="0", PYTHONUNBUFFERED="1")
