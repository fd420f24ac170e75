"""What a figure was measured on, and what a command costs there."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import platform
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from sepdiar.environment import for_child
from sepdiar.errors import SepdiarError

INTERVAL = 0.05
MIB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """One run of a command: wall and processor seconds, memory in MiB, and the events that it told.

    `memory` is the highest sum of resident memory of all its processes, sampled twenty times a second; pages that two of
    them share are counted twice. `largest` is the highest resident memory of any one of them, as the kernel kept it.
    """

    code: int
    seconds: float
    processor: float
    memory: float
    largest: float
    events: Sequence[Mapping[str, Any]] = field(repr=False)

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        """Its events of one kind."""
        return [event for event in self.events if event["kind"] == kind]


def facts(packages: Sequence[str]) -> dict[str, Any]:
    """The machine and the software, for the reader of a figure; `load` is how busy the machine is with other things."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in sorted(packages)},
        "date": datetime.now(UTC).date().isoformat(),
    }


def measured(command: Sequence[str], environ: Mapping[str, str] | None = None, within: float = math.inf) -> Cost:
    """Run a command that tells its events as JSON lines on stderr (`--log-format json`), and say what it cost.

    `environ` is its whole environment where it shall have another than ours without tokens. After `within` seconds it is
    ended, and its code is that of the signal, below 0.
    """
    if importlib.util.find_spec("psutil") is None:
        raise SepdiarError("SD250", "measuring memory needs psutil", hint="pip install psutil")
    began = time.perf_counter()
    nothing, heard = subprocess.DEVNULL, subprocess.PIPE
    given = for_child() if environ is None else environ
    process = subprocess.Popen(command, env=given, text=True, stdin=nothing, stdout=nothing, stderr=heard)
    events: list[Mapping[str, Any]] = []
    reader = threading.Thread(target=_listen, args=(process.stderr, events))
    reader.start()
    memory = largest = 0
    try:
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            each = _resident(process.pid)
            memory, largest = max(memory, sum(each)), max(largest, *each, 0)
            if time.perf_counter() - began > within:
                process.kill()
            time.sleep(INTERVAL)
        _, status, usage = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
    finally:
        if process.returncode is None:
            process.terminate()
        reader.join()
    used = usage.ru_utime + usage.ru_stime
    return Cost(process.returncode, seconds, used, memory / MIB, largest / MIB, events)


def _listen(lines: IO[str] | None, events: list[Mapping[str, Any]]) -> None:
    for line in lines or ():
        try:
            events.append(json.loads(line))
        except ValueError:
            events.append({"kind": "stderr", "message": line.rstrip()})


def _resident(root: int) -> list[int]:
    """Bytes of resident memory of a process and of each below it."""
    import psutil  # type: ignore[import-untyped]

    sizes: list[int] = []
    try:
        parent = psutil.Process(root)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                sizes.append(process.memory_info().rss)
    except psutil.NoSuchProcess:
        pass
    return sizes


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
