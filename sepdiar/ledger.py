"""What is known of a run's inputs: where each lies on this machine, what it held when it was last read, and its item."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sepdiar.schema import build, parse
from sepdiar.store.reading import open_state, read_bytes


@dataclass(frozen=True)
class Row:
    """One input: where it lies, how the user wrote it, its item, its content, and the file's facts when that was read.

    `stamp` is size, time of modification, time of change and inode; it is `settled` where equal facts mean equal content.
    """

    file: str
    path: str
    id: str
    sha256: str = ""
    stamp: tuple[int, ...] = ()
    settled: bool = False

    @property
    def line(self) -> str:
        return json.dumps(asdict(self), sort_keys=True) + "\n"


class Ledger:
    """inputs.log: a line for each place of an input on this machine. It saves time and finds inputs again, no more.

    While inputs are read, a line is added for each at once; of several lines for one place the last is right.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows: dict[str, Row] = {}
        self._former: set[str] = set()
        for row in rows:
            self.take(row)

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """What is known. A line that cannot be read is passed over, for everything in it can be found out again.

        SD307 where the file is no regular file.
        """
        try:
            return cls(filter(None, map(_row, read_bytes(path).splitlines())))
        except FileNotFoundError:
            return cls()

    def text(self) -> str:
        """The lines, in order."""
        return "".join(self.rows[file].line for file in sorted(self.rows))

    def take(self, row: Row) -> bool:
        """Learn of an input; whether that is news."""
        known = self.rows.get(row.file)
        if known == row:
            return False
        if known:
            self._former.add(known.id)
        self.rows[row.file] = row
        return True

    @property
    def ids(self) -> set[str]:
        """The items and failures that inputs have."""
        return {row.id for row in self.rows.values()}

    @property
    def outdated(self) -> set[str]:
        """The ids that inputs had, and none has any more."""
        return self._former - self.ids

    def paths(self) -> dict[str, str]:
        """By id, an input as the user wrote it; where several have one id, the first by place."""
        return {row.id: row.path for row in sorted(self.rows.values(), key=lambda row: row.file, reverse=True)}

    def forget_missing(self, asked: Set[str], failed: Set[str]) -> None:
        """Drop what failed, is no longer there and was not asked for now."""
        failures = [row for row in self.rows.values() if row.id in failed and row.file not in asked]
        for row in failures:
            if not os.path.lexists(row.file):
                self._former.add(self.rows.pop(row.file).id)

    @contextmanager
    def kept(self, path: Path) -> Iterator[Callable[[Row], None]]:
        """Inside, what is learnt is in the file at once."""
        with os.fdopen(open_state(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "w", buffering=1, encoding="ascii") as file:

            def learn(row: Row) -> None:
                if self.take(row):
                    file.write(row.line)

            yield learn


def _row(line: bytes) -> Row | None:
    try:
        return build(Row, parse(line.decode()))
    except ValueError:
        return None
