"""Whether this machine has what is needed, and for everything that it lacks the command that mends it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from sepdiar.config import DEFAULT_RECIPE, resolve
from sepdiar.errors import SepdiarError
from sepdiar.registry import KINDS, backends

PYTHONS = ((3, 11), (3, 13))
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
STAGE_OF = dict(zip(KINDS, ("diarize", "separate", "transcribe"), strict=True))
ACCELERATORS = """
import torch
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
names += ["Apple GPU"] if torch.backends.mps.is_available() else []
print(torch.__version__, "; ".join(names), sep="|")
"""


@dataclass(frozen=True)
class Finding:
    """One line of `sepdiar doctor`. `good` is None where something is absent that nothing needs."""

    room: str
    name: str
    good: bool | None
    detail: str
    mend: str = ""
    needed: bool = True
    """By the default recipe: if it is not good, no run can be made."""


def doctor(folder: Path | None = None) -> list[Finding]:
    """Everything that `sepdiar doctor` looks at; `folder` is where a run would be written (default: the current one).

    Nothing is installed, loaded or sent; the only file written is removed again.
    """
    return [
        *_python(),
        *_packages(),
        *_sound(),
        *_backends(),
        *_disk(folder or Path.cwd()),
        *_machine(),
    ]


def _python() -> Iterator[Finding]:
    found = sys.version_info[:2]
    low, high = (".".join(map(str, bound)) for bound in PYTHONS)
    good = PYTHONS[0] <= found <= PYTHONS[1]
    detail = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("environment", "python", good, detail, "" if good else f"make an environment with Python {low} to {high}")


def _packages() -> Iterator[Finding]:
    for requirement in requires("sepdiar") or ():
        if "extra ==" in requirement:
            continue
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            yield Finding("environment", name, True, version(name))
        except PackageNotFoundError:
            yield Finding("environment", name, False, "not installed", f"pip install '{requirement.partition(';')[0].strip()}'")


def _sound() -> Iterator[Finding]:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        yield Finding("decoding", "libsndfile", False, str(error), "pip install --force-reinstall soundfile")
        return
    reads = soundfile.available_formats()
    good = "MP3" in reads
    detail = f"{soundfile.__libsndfile_version__}, {'reads' if good else 'cannot read'} MP3"
    yield Finding("decoding", "libsndfile", good, detail, "" if good else "pip install --upgrade 'soundfile>=0.13'", needed=good)
    ffmpeg = shutil.which("ffmpeg")
    yield Finding("decoding", "ffmpeg", True if ffmpeg else None, f"{ffmpeg or 'not installed'}; not needed", needed=False)


def _backends() -> Iterator[Finding]:
    wanted = resolve(DEFAULT_RECIPE, environ={}).values
    listed = backends()
    for backend in listed:
        needed = wanted.get(f"{STAGE_OF[backend.kind]}.backend") == backend.name
        detail = f"from {backend.package}" + (f", used by {DEFAULT_RECIPE}" if needed else "")
        if not backend.available:
            detail = f"needs {', '.join(backend.missing)}" if backend.missing else backend.summary
        yield Finding("backends", f"{backend.kind} {backend.name}", backend.available, detail, backend.mend, needed)
    for kind, stage in STAGE_OF.items():
        name = wanted.get(f"{stage}.backend")
        if name and not any((backend.kind, backend.name) == (kind, name) for backend in listed):
            yield Finding("backends", f"{kind} {name}", False, "not installed", "pip install --force-reinstall sepdiar")


def _disk(folder: Path) -> Iterator[Finding]:
    """Write, sync and rename as a run does: some network disks refuse one of them."""
    try:
        with tempfile.TemporaryDirectory(prefix=".sepdiar-doctor-", dir=folder) as place:
            before, after = Path(place) / "a", Path(place) / "b"
            began = time.perf_counter()
            with before.open("wb") as file:
                file.write(b"sepdiar")
                file.flush()
                os.fsync(file.fileno())
            before.rename(after)
            took = time.perf_counter() - began
            free = shutil.disk_usage(place).free
    except OSError as error:
        mend = f"choose another folder for --out, or: chmod u+rwx {folder}"
        yield Finding("disk", str(folder), False, f"cannot write, sync and rename: {error.strerror or error}", mend)
        return
    yield Finding("disk", str(folder), True, f"write, sync and rename in {1000 * took:.0f} ms; {free / 1e9:.1f} GB free")


def _machine() -> Iterator[Finding]:
    yield Finding("machine", "processors", True, f"{_cores()} to use, {os.cpu_count()} in all")
    yield _accelerator()
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    spoken = ", ".join(f"{name}={value}" for name, value in threads.items()) or "not limited by the environment"
    yield Finding("machine", "threads", True, f"{spoken}; each worker computes on one", needed=False)
    yield Finding("machine", "network", True, "not needed, not used", needed=False)


def _accelerator() -> Finding:
    """Asked in another process: torch is slow to import, and a GPU, once opened, stays open."""
    try:
        version("torch")
    except PackageNotFoundError:
        return Finding(
            "machine", "gpu", None, f"not looked for: torch is not installed, and {DEFAULT_RECIPE} needs none", needed=False
        )
    try:
        asked = subprocess.run([sys.executable, "-c", ACCELERATORS], capture_output=True, text=True, timeout=120, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        mend = "pip install --force-reinstall torch"
        last = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        return Finding("machine", "gpu", False, f"torch is installed, but cannot be imported: {last}", mend, needed=False)
    torch, _, names = asked.stdout.strip().splitlines()[-1].partition("|")
    return Finding("machine", "gpu", True if names else None, f"{names or 'none'} (torch {torch})", needed=False)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing(findings: list[Finding]) -> SepdiarError | None:
    """The refusal with which `sepdiar doctor` ends where something that the default recipe needs is not there."""
    lacking = [finding for finding in findings if finding.good is False and finding.needed]
    if not lacking:
        return None
    names = ", ".join(finding.name for finding in lacking)
    return SepdiarError("SD250", f"the recipe {DEFAULT_RECIPE} cannot run without: {names}", hint=lacking[0].mend)
