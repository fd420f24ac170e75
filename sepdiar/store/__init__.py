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
from itertools import chain, count
from pathlib import Path

from sepdiar.config import Config
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener, silence
from sepdiar.store import disk, items, place
from sepdiar.store.check import item_faults
from sepdiar.store.failures import Failure
from sepdiar.store.lock import Lock, alive, busy
from sepdiar.store.reading import kind, open_state
from sepdiar.store.settings import NAME, Settings

__all__ = ["Failure", "Settings", "Store", "Work"]

A_DAY = 24 * 3600.0
OURS = re.compile(r".+\.(?P<run>[0-9a-f]{12})\.(?P<host>[A-Za-z0-9-]+)\.(?P<pid>\d+)\.\d+-[0-9a-f]{8}")
"""A name in tmp/ as `Store` makes it; nothing else is swept there."""
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
    """A run on disk. Reading it needs no lock; whatever changes it happens between `opened` and its end.

    Nothing of an item is ever deleted: what stands in the way, or does not belong, moves to `lost`, and `listen` is told.
    """

    run: Path
    listen: Listener = silence

    @property
    def items(self) -> Path:
        return self.run / "items"

    @property
    def failed(self) -> Path:
        return self.run / "failures"

    @property
    def lost(self) -> Path:
        """Where what did not belong is kept, for its owner to look through."""
        return self.run / "lost"

    @property
    def inputs(self) -> Path:
        """Where the inputs lie on this machine and what they held: not part of the result, and never compared."""
        return self.run / "inputs.log"

    @property
    def empty(self) -> bool:
        """Whether nothing was made here yet: such a place takes any configuration."""
        return not _listing(self.items) and not _listing(self.failed)

    @contextmanager
    def opened(self, config: Config | None = None, *, reading: bool = False) -> Iterator[Store]:
        """The run under its lock, made or swept.

        SD209 where the folder is no run, SD205 where another configuration made it, SD310 where it is in use. Without a
        configuration the run must be there already, and its own is used; with `reading` no items will be made, so that it need
        not be what this machine would make.
        """
        with disk.refusals(self.run):
            place.refuse_foreign(self.run)
            self.agreed(config, reading).to_toml()
            disk.make_folder(self.run)
            place.mark(self.run)
            with Lock(self.run / ".lock") as lock:
                place.refuse_foreign(self.run)
                for folder in (self.items, self.failed, self._tmp):
                    disk.make_folder(folder)
                self._sweep(lock.certain)
                self.write(self.run / NAME, self.agreed(config, reading).to_toml())
                try:
                    yield self
                finally:
                    self._sweep(lock.certain)

    def agreed(self, config: Config | None, reading: bool = False) -> Settings:
        """The settings of the run; SD205 where `config`, or its own on this machine, would make other bytes."""
        if config and self.empty:
            return Settings.of(config)
        made = self.settings()
        if not reading:
            made.refuse_other(config or made.config, self.run)
        return made

    def settings(self) -> Settings:
        """What made the run, from run.toml or, where that is missing, from its items; SD207 where there is neither."""
        place.refuse_other_kinds(self.run)
        if kind(self.run / NAME) == "" and (known := items.configuration(self.complete())):
            return known
        return Settings.read(self.run)

    def mixed(self) -> list[str]:
        """The ids of intact items that say another configuration than the run's."""
        own = self.settings().fingerprint
        others = (folder for folder in self.complete() if items.fingerprint(folder) != own and kind(folder / items.VALUE))
        return [folder.name for folder in others if next(item_faults(folder), None) is None]

    def refuse_mixed(self) -> None:
        """SD205, naming an item of another configuration and what differs; nothing where there is none."""
        for other in self.mixed()[:1]:
            made = items.configuration([self.items / other])
            changed = self.settings().differences(made) if made else ["it does not say what made it"]
            hint = f"sepdiar verify {self.run} --repair moves it to lost/ and makes it again"
            raise SepdiarError("SD205", "; ".join(changed), where=str(self.items / other), hint=hint)

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
        """Publish the sealed item; a whole item that is there already stays, and a failure of the same input goes."""
        if kind(self.items / id) and not items.is_whole(self.items / id):
            self.set_aside(self.items / id)
        disk.publish(work.item, self.items / id)
        self.discard(work)
        disk.remove(self._failure(id))

    def discard(self, work: Work) -> None:
        """Forget unfinished work."""
        disk.discard(work.folder)

    def set_aside(self, path: Path) -> None:
        """Move something of the run to `lost`, in one rename, under a name that is free there, and tell."""
        disk.make_folder(self.lost)
        names = chain([path.name], (f"{path.name}-{number}" for number in count(2)))
        name = next(name for name in names if not kind(self.lost / name))
        path.rename(self.lost / name)
        disk.sync(self.lost)
        disk.sync(path.parent)
        message = f"{path.relative_to(self.run)} was moved to {self.lost / name}"
        self.listen(Event("note", path.name if path.parent == self.items else "", {"message": message}))

    def record(self, failure: Failure) -> None:
        """Write down why an input is not an item."""
        self.write(self._failure(failure.id), failure.to_json())

    def forgive(self, id: str) -> None:
        """Remove the failure of an input."""
        disk.remove(self._failure(id))

    def write(self, path: Path, text: str) -> None:
        """A file of the run, whole or not at all; one that holds this text already is not touched."""
        disk.make_folder(path.parent)
        if kind(path) not in ("", "a file"):
            self.set_aside(path)
        disk.write_whole(path, text, self._tmp / self._own(path.name))

    def done(self) -> set[str]:
        """The ids of all complete items: the directory is the truth."""
        return {path.name for path in self.complete()}

    def complete(self) -> list[Path]:
        """The folder of every complete item, in order."""
        return items.whole(self.run)

    def strays(self) -> list[Path]:
        """What lies among the items and is none: a file, a link, or a folder without checksums that no chain has written."""
        return [path for path in _listing(self.items) if not items.is_item(path)]

    def folders(self) -> list[Path]:
        """The folder of every item, whole or not."""
        return [path for path in _listing(self.items) if items.is_item(path)]

    def broken(self) -> list[Path]:
        """The items without checksums: they do not count as done."""
        return [path for path in self.folders() if not items.is_whole(path)]

    def failures(self) -> dict[str, Failure]:
        """Every recorded failure, by id; a record that cannot be read counts as none, so that its input is tried again."""
        found = (Failure.read(path) for path in _listing(self.failed) if path.suffix == ".json")
        return {failure.id: failure for failure in found if failure}

    def unreadable(self) -> list[Path]:
        """The records of failures that are damaged."""
        return [path for path in _listing(self.failed) if path.suffix == ".json" and not Failure.read(path)]

    @contextmanager
    def log(self) -> Iterator[Callable[[Event], None]]:
        """A listener that appends events to events.log, a line each; the log is never read for correctness."""
        path = self.run / "events.log"
        with os.fdopen(open_state(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), "ab", buffering=0) as file:
            if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
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

    def tell_broken(self) -> None:
        """A note for each item that has lost its checksums."""
        for path in self.broken():
            message = f"items/{path.name} has no SUMS and does not count; sepdiar verify {self.run} --repair makes it again"
            self.listen(Event("note", path.name, {"message": message}))

    @property
    def _tmp(self) -> Path:
        return self.run / "tmp"

    def _failure(self, id: str) -> Path:
        return self.failed / f"{id}.json"

    def _own(self, name: str) -> str:
        """A name in tmp/ that nobody else uses, and that says whose it is (`OURS`)."""
        run = place.marked(self.run)[:12]
        return f"{name[-100:]}.{run}.{_host()}.{os.getpid()}.{next(_NUMBERS)}-{os.urandom(4).hex()}"

    def _sweep(self, certain: bool) -> None:
        """Remove what dead processes left in tmp/. Under a lock that works, nobody else on this machine can be alive."""
        run = place.marked(self.run)[:12]
        for path in _listing(self._tmp):
            ours = OURS.fullmatch(path.name)
            if not ours or ours["run"] != run:
                continue
            if ours["host"] == _host():
                dead = certain or not alive(int(ours["pid"]))
            else:
                dead = time.time() - path.lstat().st_mtime > A_DAY
            if dead and kind(path) == "a folder":
                disk.discard(path)
            elif dead:
                path.unlink(missing_ok=True)


def _listing(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:64] or "localhost"
