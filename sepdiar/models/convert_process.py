"""The process that reads pickles and archives of strangers: it gets orders on standard input, and answers on standard output.

A line of JSON each. Nothing that is read may take more memory or time than weights of its size do. Run by `converter`.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import sys
from contextlib import suppress
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.models import archives, kinds, pickles
from sepdiar.store.disk import FULL

MEMORY, TIMES = 1 << 30, 8
"""Bytes that anything may take, and how often a file may be held beside that: as read, as copied, as written."""
BYTES_A_SECOND = 1 << 23
WORDS = 300  # characters of what is told of a refusal


def done(order: dict[str, Any]) -> dict[str, Any]:
    """Work on one order; the answer says what stands against it: nothing, the disk, or the file."""
    if order["kind"] == "nothing":
        return {}
    source, made = Path(order["source"]), Path(order["made"])
    try:
        _limit(source.stat().st_size, order["seconds"])
        if order["kind"] == "pickle":
            pickles.write(source, made, order["tensors"], tuple(order["ignore"]))
        else:
            archives.unpack(source, made)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's file brings about is a refusal
        if number := _of_disk(error):
            return {"disk": number}
        return {"refused": f"{kinds.kind(source) or 'of no format that is known'}: {_words(error)}"[:WORDS]}
    return {}


def _words(error: Exception) -> str:
    if isinstance(error, SepdiarError):
        return error.what
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "reading it takes more memory than weights of its size should"
    lines = str(error).splitlines()
    said = next((line for line in lines if "GLOBAL" in line or "Unsupported" in line), lines[0] if lines else "")
    return said.strip() if isinstance(error, pickle.UnpicklingError) else f"{type(error).__name__}: {said.strip()}"


def _of_disk(error: Exception) -> int:
    """The number of what the disk refused; 0 where the exception is about anything else."""
    if isinstance(error, OSError):
        return error.errno if error.errno in FULL else 0
    number = re.search(r"\(os error (\d+)\)", str(error)) if type(error).__name__ == "SafetensorError" else None
    return int(number[1]) if number else 0


def _limit(size: int, seconds: int) -> None:
    """Limit this process to what a file of `size` bytes may take from here on."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    limits = {resource.RLIMIT_CPU: ceil(spent.ru_utime + spent.ru_stime) + seconds + size // BYTES_A_SECOND}
    with suppress(OSError):  # only Linux tells, and only Linux limits it
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY + TIMES * size
    for what, limit in limits.items():
        hard = resource.getrlimit(what)[1]
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed meanwhile is no answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for package in ("torch", "safetensors.torch"):  # before memory is limited
        import_module(package)
    for line in sys.stdin:
        print(json.dumps(done(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
