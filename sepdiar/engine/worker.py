"""The process in which stages run: it makes the chain once, then works on one recording after the other.

It is started by `python -P -m sepdiar.engine.worker LINE LIFE`: two file descriptors, one to speak JSON over, and one
that ends when the parent does.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

from sepdiar.config import Config
from sepdiar.conversation import Conversation, Recording
from sepdiar.engine import memory
from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.pipeline import Pipeline, Take
from sepdiar.store import Work, disk

STOPS_THE_RUN = ("SD25", "SD30")


class Worker:
    """One end of the line: hears jobs, tells events and results."""

    def __init__(self, line: Connection) -> None:
        self.line = line
        self.stage = ""
        self._one_at_a_time = Lock()

    def tell(self, kind: str, **facts: Any) -> None:
        """One message to the parent; what is read ahead tells how far from a thread of its own."""
        message = json.dumps({"kind": kind, **facts}, default=str).encode()
        with self._one_at_a_time:
            self.line.send_bytes(message)

    def hear(self) -> dict[str, Any]:
        """The next message of the parent; waits for it."""
        message: dict[str, Any] = json.loads(self.line.recv_bytes())
        return message

    def serve(self) -> None:
        """Open the chain, then work until the parent hangs up."""
        pipeline = self._opened(self.hear()["settings"])
        if pipeline is None:
            return
        memory.keep()  # not before: what loading a model takes and gives back is more than the work needs
        self.tell("ready")
        while True:
            try:
                job = self.hear()
            except EOFError:
                return
            self._work(pipeline, job)

    def _opened(self, settings: Mapping[str, Any]) -> Pipeline | None:
        try:
            pipeline = Config(settings, {}).pipeline()
            pipeline.open()
        except SepdiarError as error:
            self.tell("refused", **_facts(error))
        except Exception as error:  # noqa: BLE001 - a backend may raise anything while it loads
            known = disk.disk_error(error, Path()) or SepdiarError("SD252", f"{type(error).__name__}: {error}")
            self.tell("refused", **_facts(known))
        else:
            return pipeline
        return None

    def _work(self, pipeline: Pipeline, job: Mapping[str, Any]) -> None:
        work, file = Work(Path(job["work"])), Path(job["file"])
        self.stage = ""
        tempfile.tempdir = str(work.scratch)
        try:
            _refuse_change(file, job)
            recording = Recording(job["id"], job["path"], job["sha256"])
            value = Conversation(recording, configuration=job["configuration"])
            take = pipeline.run(Take(value, file, work.item, work.scratch), self._pass_on)
            _refuse_change(file, job)
            disk.seal(work.item)
        except SepdiarError as error:
            if error.code.startswith(STOPS_THE_RUN):
                self.tell("refused", **_facts(error))
            else:
                self.tell("failed", **_tidied(_facts(error), job), stage=self.stage)
        except MemoryError:
            raise  # as if the system had killed this process: it is tried again
        except Exception as error:  # noqa: BLE001 - the boundary between recordings
            self._tell_unknown(error, job)
        else:
            self.tell("done", audio_seconds=take.conversation.recording.seconds)

    def _tell_unknown(self, error: Exception, job: Mapping[str, Any]) -> None:
        if refused := disk.disk_error(error, Path(job["work"])):
            self.tell("refused", **_facts(refused))
            return
        known = SepdiarError("SD901", f"{type(error).__name__}: {error}")
        trace = "".join(_frames(error))
        self.tell("failed", **_tidied({**_facts(known), "traceback": trace}, job), stage=self.stage)

    def _pass_on(self, event: Event) -> None:
        if event.kind == "stage.started":
            self.stage = event.facts["stage"]
        self.tell("event", event=event.kind, item=event.item, facts=event.facts, at=event.at)


def _facts(error: SepdiarError) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "where": error.where, "hint": error.hint}


def _frames(error: Exception) -> list[str]:
    """The traceback without what differs between machines: where packages are installed."""
    homes = sorted((entry.rstrip("/") + "/" for entry in sys.path if entry), key=len, reverse=True)
    trace = traceback.TracebackException.from_exception(error)
    seen: traceback.TracebackException | None = trace
    while seen is not None:
        for frame in seen.stack:
            home = next((home for home in homes if frame.filename.startswith(home)), "")
            frame.filename = frame.filename.removeprefix(home)
        seen = seen.__cause__ or seen.__context__
    return list(trace.format())


def _tidied(facts: Mapping[str, str], job: Mapping[str, Any]) -> dict[str, str]:
    """The same input gives the same words: no places of this machine, no addresses in memory."""
    places = {f"{job['work']}/": "", job["work"]: "", job["file"]: job["path"]}
    tidied = {}
    for key, text in facts.items():
        for place, shown in places.items():
            text = text.replace(place, shown)
        tidied[key] = re.sub(r"\b0x[0-9a-f]{6,16}\b", "0x...", text)
    return tidied


def _refuse_change(file: Path, job: Mapping[str, Any]) -> None:
    try:
        found = file.stat()
    except FileNotFoundError as error:
        raise SepdiarError("SD101", "it vanished during the run", where=job["path"]) from error
    if [found.st_size, found.st_mtime_ns] != job["stamp"]:
        raise SepdiarError("SD116", "size or time of modification differ", where=job["path"])


def _guard(life: int, line: int) -> None:
    """A second process that waits for the parent to end, however it ends, and then kills this process group.

    A thread could not: it would wait for a backend that holds the interpreter's lock.
    """
    if os.fork():
        os.close(life)
        return
    os.close(line)
    os.read(life, 1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve the parent whose file descriptors are in the arguments."""
    line, life = map(int, sys.argv[1:])
    os.set_inheritable(line, False)
    _guard(life, line)
    Worker(Connection(line)).serve()


if __name__ == "__main__":
    main()
