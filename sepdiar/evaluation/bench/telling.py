"""What a process that measures tells whoever started it: lines of JSON on stderr. Any Python can run this."""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MIB = 1 << 20


def tell(kind: str, **facts: Any) -> None:
    """A line for whoever started this process."""
    print(json.dumps({"kind": kind, **facts}), file=sys.stderr, flush=True)


def limit(gib: float, device: str) -> None:
    """No more address space than this; a GPU needs far more of it than memory, and has its own end."""
    if gib and device == "cpu":
        resource.setrlimit(resource.RLIMIT_AS, (round(gib * 1024 * MIB),) * 2)


def peak(device: str) -> float:
    """MiB that this process had at most, on the device where that is no CPU."""
    if device != "cpu":
        import torch

        return float(torch.cuda.max_memory_allocated(device) / MIB)
    status = Path("/proc/self/status")
    if status.is_file():  # the kernel's other figure counts what the process had before it became another program
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


@contextmanager
def measured(device: str, **facts: Any) -> Any:
    """Tell how long what is done meanwhile took, and the memory before it and at the highest."""
    idle, before, began = peak(device), time.process_time(), time.perf_counter()
    yield
    if device != "cpu":
        import torch

        torch.cuda.synchronize(device)
    seconds, processor = time.perf_counter() - began, time.process_time() - before
    figures = {"seconds": round(seconds, 3), "processor": round(processor, 3)}
    tell("measured", **figures, idle_mib=round(idle, 1), peak_mib=round(peak(device), 1), **facts)
