"""Foreign files into samples: strictly, in a process of its own, within limits of time and memory."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from sepdiar.audio.decode_process import Order
from sepdiar.audio.inputs import open_regular
from sepdiar.audio.limits import Limits
from sepdiar.audio.source import RawAudio
from sepdiar.conversation import Span
from sepdiar.environment import for_child
from sepdiar.errors import CODES, SepdiarError

Progress = Callable[[float], None]
COMMAND = (sys.executable, "-P", "-m", "sepdiar.audio.decode_process")
_TIMES_REAL_TIME = 0.5


@dataclass(frozen=True)
class Decoded:
    """The samples, with one channel or two, and what was found; `channels` is how many the file has."""

    audio: RawAudio
    channels: int
    notes: tuple[str, ...] = ()
    damaged: tuple[Span, ...] = ()


def decode(
    path: Path,
    out: Path,
    *,
    salvage: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    timeout_seconds: float = 60.0,
    progress: Progress = lambda fraction: None,
) -> Decoded:
    """The recording at `path` as samples in the scratch file `out`; SD101 to SD118 say why it cannot be used.

    It may take `timeout_seconds`, or half as long as it sounds where that is more; then it is SD140.
    """
    with open_regular(path) as file:
        before = os.fstat(file.fileno())
        order = Order(str(out), salvage, limits)
        try:
            made = _ask([*COMMAND, json.dumps(asdict(order))], file, timeout_seconds, progress)
        except SepdiarError:
            _refuse_changed(before, os.fstat(file.fileno()))
            raise
        _refuse_changed(before, os.fstat(file.fileno()))
    audio = RawAudio(out, made["rate"], made["samples"], made["kept"], made["bits"])
    damaged = tuple(Span(**span) for span in made["damaged"])
    return Decoded(audio, made["channels"], tuple(made["notes"]), damaged)


def _refuse_changed(before: os.stat_result, after: os.stat_result) -> None:
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SepdiarError("SD116", f"{before.st_size} bytes before, {after.st_size} after")


def _ask(command: Sequence[str], file: BinaryIO, timeout: float, progress: Progress) -> dict[str, Any]:
    """What the process answers; it is gone when this returns. It starts no other, and ends with the group of its worker."""
    environ = for_child(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=said, env=environ)
        try:
            return _listen(process, said, timeout, progress)
        finally:
            _end(process)


def _listen(process: subprocess.Popen[bytes], said: IO[bytes], timeout: float, progress: Progress) -> dict[str, Any]:
    began = time.monotonic()
    limit, declared = timeout, 0.0
    answers = process.stdout
    if answers is None:
        raise ValueError("the process has no standard output")
    rest = b""
    while True:
        left = began + limit - time.monotonic()
        if left <= 0 or not select.select([answers], [], [], left)[0]:
            raise SepdiarError("SD140", f"decoding took longer than {limit:g} s")
        read = os.read(answers.fileno(), 1 << 16)
        if not read:
            raise _died(process.wait(), said)
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "result" in message:
                return message["result"]  # type: ignore[no-any-return]
            if "error" in message:
                code, what, hint, where = message["error"]
                raise SepdiarError(code, what, where=where, hint=hint)
            if "declared" in message:
                declared = message["declared"]
                limit = max(timeout, _TIMES_REAL_TIME * declared)
            elif declared:
                progress(min(message["done"] / declared, 1.0))


def _died(status: int, said: IO[bytes]) -> SepdiarError:
    said.seek(0)
    last = said.read()[-400:].decode(errors="replace").strip().rpartition("\n")[2]
    if -status == signal.SIGKILL:
        return SepdiarError("SD902", "the decoder was killed, most likely for want of memory")
    if status < 0:
        return SepdiarError("SD112", f"the decoder crashed on it ({signal.Signals(-status).name})", hint=CODES["SD112"].mend)
    return SepdiarError("SD901", last or f"the decoder ended with status {status}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()
