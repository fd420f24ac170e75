"""Which inputs a run has, what they held when they were last looked at, and what is still to be done with each."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sepdiar.audio.inputs import Input, content_hash, item_id, name_sha256
from sepdiar.engine import Job, Stop
from sepdiar.errors import SepdiarError, from_os_error
from sepdiar.schema import build, parse
from sepdiar.store import Failure
from sepdiar.store.reading import read_text

TOO_MANY_OPEN_FILES = "SD304"
RECENT = 2.0
"""A file changed this short before it was read could change again without its times telling."""


@dataclass(frozen=True)
class Row:
    """One input: where it lies, how the user sees it, its item, its content, and the file's facts when that was read.

    `stamp` is size, time of modification, time of change and inode; it is `settled` where equal facts mean equal content.
    """

    file: str
    path: str
    id: str
    sha256: str = ""
    stamp: tuple[int, ...] = ()
    settled: bool = False


@dataclass(frozen=True)
class Survey:
    """Every input with its verdict so far: a job, done or not, or a reason why it will be none."""

    rows: Sequence[Row]
    jobs: Sequence[Job]
    failures: Sequence[Failure]
    outdated: Set[str]
    """Ids of what the same files held before."""


class Ledger:
    """inputs.log: a line for each place of an input on this machine. It saves time and finds inputs again, no more."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows = {row.file: row for row in rows}

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """What was known; nothing where the file is missing or damaged, for everything in it can be found out again.

        SD307 where it is no regular file.
        """
        try:
            return cls([build(Row, parse(line)) for line in read_text(path).splitlines()])
        except (FileNotFoundError, ValueError):
            return cls()

    def text(self) -> str:
        """The lines, in order."""
        return "".join(json.dumps(asdict(self.rows[file]), sort_keys=True) + "\n" for file in sorted(self.rows))

    def update(self, survey: Survey) -> None:
        """Take over what was seen."""
        self.rows |= {row.file: row for row in survey.rows}

    def forget_missing(self, survey: Survey, failed: Set[str]) -> Set[str]:
        """Drop what failed, is no longer there and was not asked for now; the ids that no input has any more."""
        asked = {row.file for row in survey.rows}
        failures = [row for row in self.rows.values() if row.id in failed and row.file not in asked]
        gone = [self.rows.pop(row.file) for row in failures if not os.path.lexists(row.file)]
        return {row.id for row in gone} - {row.id for row in self.rows.values()}

    def survey(self, inputs: Sequence[Input], done: Set[str], stop: Stop) -> Survey:
        """Look at every input; the same inputs give the same ids, in whatever order they come.

        Of several with the same content one becomes the item; an item that is there stays the one for its content.
        """
        rows: list[Row] = []
        failures: list[Failure] = []
        alike: dict[str, list[tuple[Row, str]]] = {}
        items = {id[-12:]: id for id in sorted(done, reverse=True)}
        for input, apart in _named_apart(inputs):
            if stop.drain:
                raise SepdiarError("SD903", "while reading the inputs")
            try:
                row = self._look(input)
            except SepdiarError as error:
                if error.code == TOO_MANY_OPEN_FILES:
                    raise  # a limit of this process, not a fault of the input
                rows.append(Row(str(input.file), input.path, apart))
                failures.append(Failure.of(apart, input.path, error))
            else:
                alike.setdefault(row.sha256, []).append((row, apart))
        jobs = []
        for sha256, group in alike.items():
            item = items.get(sha256[:12], group[0][0].id)
            first = next((row for row, _ in group if row.id == item), group[0][0])
            jobs.append(Job(item, first.path, sha256, Path(first.file), first.stamp[:2]))
            rows.append(replace(first, id=item))
            for row, apart in group:
                if row is not first:
                    rows.append(replace(row, id=apart))
                    failures.append(Failure.of(apart, row.path, SepdiarError("SD122", f"its bytes are those of {item}")))
        before = {self.rows[row.file].id for row in rows if row.file in self.rows}
        return Survey(rows, jobs, failures, before - {row.id for row in rows})

    def _look(self, input: Input) -> Row:
        """The input with its content's hash, taken from the last time where the file's facts say that it did not change."""
        if input.problem:
            raise input.problem
        known = self.rows.get(str(input.file))
        began = time.time()
        try:
            stamp = _stamp(input.file)
            same = known is not None and known.settled and known.stamp == stamp
            sha256 = known.sha256 if known and same else content_hash(input.file)
            changed = _stamp(input.file) != stamp
        except OSError as error:
            raise _unreadable(error) from error
        if changed:
            raise SepdiarError("SD116", "while its content was read")
        settled = began - max(stamp[1:3]) / 1e9 > RECENT
        return Row(str(input.file), input.path, item_id(input.path, sha256), sha256, stamp, settled)


def _named_apart(inputs: Iterable[Input]) -> Iterable[tuple[Input, str]]:
    """The inputs in order, each with the id under which it is recorded where its content gives it none."""
    seen: dict[str, int] = {}
    for input in sorted(inputs, key=lambda input: (os.fsencode(input.path), os.fsencode(input.file))):
        place = seen[input.path] = seen.get(input.path, 0) + 1
        name = input.path if place == 1 else f"{input.path}\0{place}"
        yield input, item_id(input.path, name_sha256(name))


def _stamp(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _unreadable(error: OSError) -> SepdiarError:
    if isinstance(error, FileNotFoundError):
        return SepdiarError("SD101", "it vanished")
    return SepdiarError("SD103") if isinstance(error, PermissionError) else from_os_error(error)
