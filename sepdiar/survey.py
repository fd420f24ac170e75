"""What each input of a run is: work to be done, work that is done, or a failure. Reading them goes on beside the work.

What comes out depends on nothing but the names of the files and their contents: neither on the folders in which they lie, nor
on how the user wrote their paths, nor on their order, nor on when a run was interrupted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sepdiar.audio.ahead import beside
from sepdiar.audio.inputs import Input, content_hash, item_id, name_sha256
from sepdiar.audio.limits import Limits
from sepdiar.engine import Job, Stop
from sepdiar.errors import SepdiarError, from_os_error
from sepdiar.ledger import Ledger, Row
from sepdiar.store import Failure

TOO_MANY_OPEN_FILES = "SD304"
RECENT = 2.0
"""A file changed this short before it was read could change again without its times telling."""


@dataclass(frozen=True)
class Verdict:
    """One input: its row in the ledger, and a job, or a failure, or neither where its item is there."""

    row: Row
    job: Job | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class _Look:
    """What was seen of an input: its content's hash with the file's facts then, or what stands against it."""

    input: Input
    sha256: str = ""
    stamp: tuple[int, ...] = ()
    settled: bool = False
    problem: SepdiarError | None = None


class Survey:
    """Looks at every input once, in the order of their names; `done` are the items that are there, by id.

    Of several with the same content the first by name becomes the item, and the others are SD122; an item that is there
    stays the one for its content. What the `limits` of the decoder refuse is not read. `complete` says, when all
    is looked at, that nobody asked to stop before.
    """

    def __init__(self, inputs: Iterable[Input], ledger: Ledger, done: Set[str], stop: Stop, limits: Limits | None = None) -> None:
        self.inputs: Sequence[Input] = sorted(inputs, key=lambda input: (os.fsencode(input.name), os.fsencode(input.file)))
        self.limits, self.stop = limits, stop
        self._known = dict(ledger.rows)
        asked = {str(input.file) for input in self.inputs}
        self._taken = {row.id for row in ledger.rows.values() if row.file not in asked}
        self._items = {id[-12:]: id for id in sorted(done, reverse=True)}
        self._owners: dict[str, str] = {}
        self._waiting: dict[str, list[_Look]] = {}
        self._given_up = self.complete = False

    def verdicts(self) -> Iterator[Verdict]:
        """All of them, each waited for."""
        for look in self._looks():
            yield self._judged(look)
        yield from self._last()

    @contextmanager
    def beside(self) -> Iterator[Iterator[Verdict | None]]:
        """All of them, read by a thread of its own that ends with the block; None where the next is not known yet."""

        def judged() -> Iterator[Verdict | None]:
            for look in looks:
                yield self._judged(look) if look else None
            yield from self._last()

        looks = beside(self._looks())
        try:
            yield judged()
        finally:
            self._given_up = True
            looks.close()

    def _looks(self) -> Iterator[_Look]:
        for input in self.inputs:
            try:
                yield self._look(input)
            except SepdiarError as error:
                if self._cancelled():
                    return
                if error.code == TOO_MANY_OPEN_FILES:
                    raise  # a limit of this process, not a fault of the input
                yield _Look(input, problem=error)
        self.complete = True

    def _cancelled(self) -> bool:
        return self._given_up or self.stop.drain

    def _look(self, input: Input) -> _Look:
        """The input with its content's hash, taken from the last time where the file's facts say that it did not change."""
        if self._cancelled():
            raise SepdiarError("SD903")
        if input.problem:
            raise input.problem
        known = self._known.get(str(input.file))
        began = time.time()
        try:
            stamp = _stamp(input.file)
            if known and known.sha256 and known.settled and known.stamp == stamp:
                return _Look(input, known.sha256, stamp, True)
            if self.limits:
                self.limits.refuse_early(input.file, stamp[0])
            sha256 = content_hash(input.file, self._cancelled)
            changed = _stamp(input.file) != stamp
        except OSError as error:
            raise _unreadable(error) from error
        if changed:
            raise SepdiarError("SD116", "while its content was read")
        return _Look(input, sha256, stamp, began - max(stamp[1:3]) / 1e9 > RECENT)

    def _judged(self, look: _Look) -> Verdict:
        if look.problem:
            return self._failed(look, look.problem)
        own, item = item_id(look.input.name, look.sha256), self._items.get(look.sha256[:12])
        if look.sha256 in self._owners:
            return self._again(look)
        if item and item != own:  # another input may be the one that it was made of
            self._waiting.setdefault(look.sha256, []).append(look)
            return Verdict(_row(look, item))
        self._owners[look.sha256] = own
        row = _row(look, own)
        return Verdict(row, None if item else Job(own, row.path, look.sha256, look.input.file, look.stamp[:2]))

    def _last(self) -> Iterator[Verdict]:
        """Of those whose item was made of another input: which of them it stands for now, where that one was not given."""
        if not self.complete:
            return
        for sha256, looks in self._waiting.items():
            if sha256 not in self._owners:
                self._owners[sha256] = self._items[sha256[:12]]
                del looks[0]
            for look in looks:
                yield self._again(look)

    def _again(self, look: _Look) -> Verdict:
        return self._failed(look, SepdiarError("SD122", f"its bytes are those of {self._owners[look.sha256]}"), look.sha256)

    def _failed(self, look: _Look, error: SepdiarError, why: str = "") -> Verdict:
        """The id of a failure is made of the name, of what is wrong, and of how many like it there are."""
        name, place = look.input.name, 1
        while (id := item_id(name, name_sha256("\0".join((name, error.code, why or error.what, str(place)))))) in self._taken:
            place += 1
        self._taken.add(id)
        return Verdict(_row(look, id), failure=Failure.of(id, name, error))


def _row(look: _Look, id: str) -> Row:
    return Row(str(look.input.file), look.input.path, id, look.sha256, look.stamp, look.settled)


def _stamp(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _unreadable(error: OSError) -> SepdiarError:
    if isinstance(error, FileNotFoundError):
        return SepdiarError("SD101", "it vanished")
    return SepdiarError("SD103") if isinstance(error, PermissionError) else from_os_error(error)
