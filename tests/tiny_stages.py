"""For tests of the engine: a stage that copies its input, or does what its name says; and a separator that lacks memory."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Stage, Take


class Copy(Stage):
    """One file and the value; `tag` is written in front of the bytes."""

    name = "copy"
    requires = frozenset({"file"})
    provides = frozenset({"tracks", "files"})

    def __init__(self, tag: str = "", open: str = "") -> None:
        self.tag, self.opening = tag, open

    def open(self) -> None:
        traced("worker")
        _happen(self.opening, Path())

    def run(self, take: Take, emit: Listener) -> Take:
        data = take.file.read_bytes()
        for word in take.file.stem.split("-"):
            _happen(word, take.file)
        emit(Event("stage.progress", take.conversation.recording.id, {"stage": self.name, "fraction": 0.5}))
        (take.scratch / "draft").write_bytes(os.urandom(10))
        (take.item / "copy.bin").write_bytes(self.tag.encode() + data)
        (take.item / "conversation.json").write_text(take.conversation.to_json(), encoding="utf-8")
        return take


class Hungry:
    """A separator whose device has no memory in its calls from `first` to `last`, counted from 1 since it was made."""

    rate = 16_000
    window = 8.0
    uses = ()

    def __init__(self, first: int = 0, last: int = 0) -> None:
        self.first, self.last, self.calls = first, last, 0

    def split(self, mixtures: Any) -> Any:
        import numpy as np
        import torch

        self.calls += 1
        if self.first <= self.calls <= self.last:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return np.stack([0.75 * mixtures, 0.25 * mixtures], axis=1)


def traced(who: str) -> None:
    """From here on strace watches this thread, where the test has left an order for this process: the arguments of strace.

    The first to come takes the order away, so that of several workers one is watched.
    """
    order = Path(os.environ.get("STRACE_ORDERS", ""), who)
    try:
        arguments = json.loads(order.read_text())
        order.unlink()
    except (FileNotFoundError, IsADirectoryError):
        return
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER: where only descendants may be traced
    tracer = subprocess.Popen([*arguments, "-p", str(os.getpid())], stdin=subprocess.DEVNULL, start_new_session=True)
    while "TracerPid:\t0" in Path("/proc/self/status").read_text():
        if tracer.poll() is not None:
            raise RuntimeError("strace did not stay")
        time.sleep(0.002)


def _happen(word: str, file: Path) -> None:
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "once" and not (mark := file.with_suffix(".mark")).exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "segfault":
        ctypes.string_at(0)
    elif word == "exits":
        os._exit(3)
    elif word == "memory":
        raise MemoryError
    elif word == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with subprocess.Popen(["sleep", "1000"]) as child:
            file.with_suffix(".pid").write_text(f"{os.getpid()} {child.pid}")
            time.sleep(1000)
    elif word == "holds":
        ctypes.PyDLL(None).sleep(1000)  # without giving up the interpreter's lock
    elif word == "slow":
        time.sleep(0.5)
    elif word == "bug":
        raise ValueError(f"{object()} in {file}")
    elif word == "damaged":
        raise SepdiarError("SD112", "not what it says", where=str(file))
    elif word == "silent":
        raise SepdiarError("SD120")
    elif word == "model":
        raise SepdiarError("SD251", "weights", hint="sepdiar models pull")
    elif word == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "scratch/draft")
    elif word == "grows":
        with file.open("ab") as more:
            more.write(b"more")
    elif word == "vanishes":
        file.unlink()
