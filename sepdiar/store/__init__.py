"""The run directory. An item appears whole, by one rename, or not at all; nothing else renames or syncs files."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from sepdiar.config import Config
from sepdiar.events import Event
from sepdiar.store import disk
from sepdiar.store.failures import Failure
from sepdiar.store.lock import Lock, alive, busy
from sepdiar.store.settings import NAME, Settings

__all__ = ["Failure", "Settings", "Store", "Work"]

A_DAY = 24 * 3600.0
_NUMBERS = count()


@dataclass(frozen=True)
class Work:
    """A folder in which one item is made: what is in `item` will be kept, what is in `scratch` will not."""

    folder: Path

    @property
    def item(self) -> Path:
        return self.folder / "item"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"


@dataclass(frozen=True)
class Store:
    """A run on disk. Reading it needs no lock; whatever changes it happens between `opened` and its end."""

    run: Path

    @property
    def items(self) -> Path:
        return self.run / "items"

    @property
    def failed(self) -> Path:
        return self.run / "failures"

    @property
    def inputs(self) -> Path:
        """Where the inputs lie on this machine and what they held: not part of the result, and never compared."""
        return self.run / "inputs.log"

    @property
    def started(self) -> bool:
        """Whether there is a run here."""
        return (self.run / NAME).exists()

    @contextmanager
    def opened(self, config: Config | None = None) -> Iterator[Store]:
        """The run under its lock, made or swept; SD205 where another configuration made it, SD310 where it is in use.

        Without a configuration the run must be there already, and its own is used.
        """
        with disk.refusals(self.run):
            settings = Settings.read(self.run) if config is None or self.started else Settings.of(config)
            settings.refuse_other(config or settings.config, self.run)
            disk.make_folder(self.run)
            with Lock(self.run / ".lock") as lock:
                for folder in (self.items, self.failed, self._tmp):
                    disk.make_folder(folder)
                self._sweep(lock.certain)
                if self.started:
                    Settings.read(self.run).refuse_other(config or settings.config, self.run)
                else:
                    self.write(self.run / NAME, settings.to_toml())
                try:
                    yield self
                finally:
                    self._sweep(lock.certain)

    def settings(self) -> Settings:
        """What made the run; SD207 where there is none."""
        return Settings.read(self.run)

    def owner(self) -> str:
        """Who works on the run now, in words; nothing where nobody does."""
        return busy(self.run / ".lock")

    def begin(self, id: str) -> Work:
        """An empty folder to make that item in, on the same filesystem."""
        work = Work(self._tmp / self._own(id))
        for folder in (work.folder, work.item, work.scratch):
            folder.mkdir()
        return work

    def commit(self, id: str, work: Work) -> None:
        """Publish the sealed item; an item that is there already stays, and a failure of the same input goes."""
        disk.publish(work.item, self.items / id)
        self.discard(work)
        disk.remove(self._failure(id))

    def discard(self, work: Work) -> None:
        """Forget unfinished work."""
        disk.discard(work.folder)

    def withdraw(self, id: str) -> None:
        """Take a damaged item away, in one rename; it is swept with the rest of the unfinished work."""
        (self.items / id).rename(self._tmp / self._own(id))
        disk.sync(self.items)

    def record(self, failure: Failure) -> None:
        """Write down why an input is not an item."""
        self.write(self._failure(failure.id), failure.to_json())

    def forgive(self, id: str) -> None:
        """Remove the failure of an input."""
        disk.remove(self._failure(id))

    def write(self, path: Path, text: str) -> None:
        """A file of the run, whole or not at all; one that holds this text already is not touched."""
        disk.make_folder(path.parent)
        disk.write_whole(path, text, self._tmp / self._own(path.name))

    def done(self) -> set[str]:
        """The ids of all complete items: the directory is the truth."""
        return {path.name for path in self.folders() if (path / disk.SUMS).is_file()}

    def failures(self) -> dict[str, Failure]:
        """Every recorded failure, by id; a record that cannot be read counts as none, so that its input is tried again."""
        found = (Failure.read(path) for path in _listing(self.failed) if path.suffix == ".json")
        return {failure.id: failure for failure in found if failure}

    def unreadable(self) -> list[Path]:
        """The records of failures that are damaged."""
        return [path for path in _listing(self.failed) if path.suffix == ".json" and not Failure.read(path)]

    def folders(self) -> list[Path]:
        """The folder of every item, whole or not."""
        return [path for path in _listing(self.items) if path.is_dir()]

    @contextmanager
    def log(self) -> Iterator[Callable[[Event], None]]:
        """A listener that appends events to events.log, a line each; the log is never read for correctness."""
        with (self.run / "events.log").open("ab", buffering=0) as file:
            if file.tell() and not _ends_with_newline(self.run / "events.log"):
                file.write(b"\n")

            def append(event: Event) -> None:
                if event.kind != "stage.progress":
                    file.write(json.dumps(asdict(event), sort_keys=True).encode() + b"\n")

            yield append

    def free(self) -> int:
        """Bytes that may still be written on this disk."""
        place = self.run.absolute()
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    @property
    def _tmp(self) -> Path:
        return self.run / "tmp"

    def _failure(self, id: str) -> Path:
        return self.failed / f"{id}.json"

    def _own(self, name: str) -> str:
        """A name in tmp/ that nobody else uses, and that says whose it is."""
        return f"{name[-100:]}.{_host()}.{os.getpid()}.{next(_NUMBERS)}-{os.urandom(4).hex()}"

    def _sweep(self, certain: bool) -> None:
        """Remove what dead processes left. Under a lock that works, nobody else on this machine can be alive."""
        for path in self.folders():
            if not (path / disk.SUMS).is_file():
                self.withdraw(path.name)
        for path in _listing(self._tmp):
            _, host, pid, _ = ("...." + path.name).rsplit(".", 3)
            dead = (
                certain or not (pid.isdigit() and alive(int(pid)))
                if host == _host()
                else time.time() - path.stat().st_mtime > A_DAY
            )
            if dead and path.is_dir():
                disk.discard(path)
            elif dead:
                path.unlink(missing_ok=True)


def _listing(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:64] or "localhost"


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
