"""The one way to read a file of a run: a regular file of bounded size that is no link. Anything else is SD307, never a wait."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.schema import parse

SMALL, LARGE = 1 << 20, 1 << 30
"""Bytes that a file of facts, and one that grows with recordings, may have at most."""

KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFREG: "a file",
}


def open_state(path: Path, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """A descriptor of a regular file that is no link; SD307 for what is anything else. Nothing is waited for."""
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EOPNOTSUPP) and (found := kind(path)):
            raise refusal(path, f"{found}, where a file should be") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise refusal(path, f"{kind(path)}, where a file should be")
    return handle


def read_bytes(path: Path, limit: int = LARGE) -> bytes:
    """What is in a file of a run; SD307 where it is no regular file or has more than `limit` bytes."""
    with os.fdopen(open_state(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise refusal(path, f"{size} bytes; at most {limit} are read")
        return file.read(limit)


def read_text(path: Path, limit: int = LARGE) -> str:
    """The same as text; ValueError where it is not UTF-8."""
    return read_bytes(path, limit).decode()


def read_json(path: Path, limit: int = SMALL) -> Any:
    """The JSON in a file of a run."""
    try:
        return parse(read_text(path, limit))
    except ValueError as error:
        raise refusal(path, str(error)) from error


def holds(path: Path, text: str) -> bool:
    """Whether it is a regular file with exactly this text in it."""
    data = text.encode()
    try:
        return path.lstat().st_size == len(data) and read_bytes(path, len(data)) == data
    except (FileNotFoundError, NotADirectoryError, SepdiarError):
        return False


def kind(path: Path) -> str:
    """What is there, in words: "a file", "a folder", "a link" ...; "" where nothing is."""
    try:
        return KINDS.get(stat.S_IFMT(path.lstat().st_mode), "a device")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def refusal(path: Path, what: str) -> SepdiarError:
    """SD307 about that file."""
    return SepdiarError("SD307", what, where=str(path))
