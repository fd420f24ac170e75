"""How things are said: human words to stderr, data to stdout, a refusal always in the same form."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import click

from sepdiar.errors import CODES, SepdiarError

BROKEN_PIPE = 141  # what a shell sees of a program that SIGPIPE stopped
GUTTER = "  "


def words(text: str = "") -> None:
    """A line for people."""
    click.echo(text, err=True)


def data(text: str) -> None:
    """A line, or several, for programs."""
    click.echo(text)


def as_json(value: Any) -> None:
    """A value for programs: indented JSON without NaN; dataclasses, sets and paths become what JSON has."""
    click.echo(json.dumps(plain(value), indent=2, sort_keys=True, allow_nan=False))


def plain(value: Any) -> Any:
    """A value in the types that JSON has.

    >>> from sepdiar.conversation import Span
    >>> plain({"span": Span(1, 2), "file": PurePath("a.wav")})
    {'span': {'start': 1, 'end': 2}, 'file': 'a.wav'}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    return str(value) if isinstance(value, PurePath) else value


def printable(text: str) -> str:
    """A file's name may hold bytes that are no text, and escapes that would drive the terminal; both are shown as codes.

    >>> printable("talk\\udcff.wav"), printable("a\\x1b[2Jb\\n")
    ('talk\\\\udcff.wav', 'a\\\\x1b[2Jb\\n')
    """
    encoded = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(character if _harmless(character) else f"\\x{ord(character):02x}" for character in encoded)


def problem(error: SepdiarError) -> str:
    """Two lines: what happened and where, and how to mend it."""
    head = f"{error.code} {CODES[error.code].title}"
    rest = str(error).removeprefix(head)
    return f"{click.style(head, fg='red', bold=True)}{flat(rest)}\n{GUTTER}{bright('mend')}{GUTTER}{flat(error.hint)}"


def refusal(error: SepdiarError) -> int:
    """Say why the command stops; the code to exit with."""
    click.echo(problem(error), err=True)
    return error.exit


def flat(text: str) -> str:
    """On one line, and harmless."""
    return printable(" ".join(text.splitlines()))


def bright(text: str) -> str:
    """Set apart on a terminal."""
    return click.style(text, fg="cyan")


def dim(text: str) -> str:
    """Less than its surroundings, on a terminal."""
    return click.style(text, dim=True)


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines with their columns one below the other; styled cells count by what is seen of them.

    >>> columns([("a", "one"), ("long", "two")])
    ['a     one', 'long  two']
    """
    table = [[str(cell) for cell in row] for row in rows]
    if not table:
        return []
    widths = [max(len(click.unstyle(row[i])) for row in table) for i in range(len(table[0]))]
    lines = (
        GUTTER.join(cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True))
        for row in table
    )
    return [line.rstrip() for line in lines]


def paragraph(text: str) -> str:
    """Running text, indented, as wide as the terminal."""
    return click.wrap_text(text, max(40, shutil.get_terminal_size().columns - 2), "  ", "  ", preserve_paragraphs=False)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(4.21), duration(63), duration(7384)
    ('4.2 s', '1 min 03 s', '2 h 03 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def speed(factor: float) -> str:
    """How much faster than listening.

    >>> speed(0.52), speed(38.4)
    ('0.5 x real time', '38 x real time')
    """
    return f"{factor:.0f} x real time" if factor >= 9.95 else f"{factor:.1f} x real time"


def size(count: float) -> str:
    """Bytes as people say them.

    >>> size(999), size(2_500_000)
    ('999 B', '2.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def count(number: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "recording"), count(2, "recording")
    ('1 recording', '2 recordings')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def broken_pipe() -> int:
    """Whoever read us has stopped: nothing more is written, not even at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        os.dup2(nowhere, stream.fileno())
    return BROKEN_PIPE


def _harmless(character: str) -> bool:
    return character in "\n\t" or not (ord(character) < 32 or 127 <= ord(character) < 160)
