"""One process at a time works on a run; who it is can be read by the others."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from sepdiar.errors import SepdiarError
from sepdiar.store.reading import SMALL, open_state, read_text

MOMENTS, A_MOMENT = 20, 0.01
UNSUPPORTED = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class Lock:
    """The lock of a run directory, freed by the operating system when its holder ends, however it ends.

    `certain` is False on a disk without locks. Nothing breaks there: publishing twice is harmless.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.certain = True
        self._handle = -1

    def __enter__(self) -> Lock:
        self._handle = open_state(self.path, os.O_RDWR | os.O_CREAT)
        try:
            _claim(self._handle)
        except OSError as error:
            if error.errno in UNSUPPORTED:
                self.certain = False
            else:
                os.close(self._handle)
                if not isinstance(error, BlockingIOError):
                    raise
                raise SepdiarError("SD310", f"by {owner(self.path)}", where=str(self.path.parent)) from error
        try:
            started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{socket.gethostname()} {os.getpid()} {started}\n".encode(), 0)
        except OSError:
            os.close(self._handle)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._handle)


def _claim(handle: int) -> None:
    """Take the lock; whoever only asks whether it is held (`busy`) holds it for a moment, which is waited for."""
    for _ in range(MOMENTS):
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(A_MOMENT)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def owner(path: Path) -> str:
    """Who holds the lock, in words; waits a moment for a new holder to write down who it is."""
    for _ in range(20):
        with suppress(OSError, ValueError, SepdiarError):
            host, pid, started = read_text(path, SMALL).split()
            if host != socket.gethostname() or alive(int(pid)):
                return f"process {pid} on {host}, since {started}"
        time.sleep(0.05)
    return "another process"


def alive(pid: int) -> bool:
    """Whether a process of that number is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def busy(path: Path) -> str:
    """The owner of the lock in words where it is held now, else nothing."""
    try:
        handle = open_state(path)
    except (OSError, SepdiarError):
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return owner(path)
    except OSError:
        return ""
    finally:
        os.close(handle)
    return ""
