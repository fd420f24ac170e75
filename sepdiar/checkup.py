"""Whether this machine has what is needed, and for everything that it lacks the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from sepdiar.accelerator import Torch, ask, driver, why_unseen
from sepdiar.config import DEFAULT_RECIPE, resolve
from sepdiar.errors import SepdiarError
from sepdiar.models import cards, hub, shelf, state
from sepdiar.registry import KINDS, backends
from sepdiar.store import disk
from sepdiar.versions import Requirement, clashes, faults, installed, requirements, within

PYTHONS = ((3, 11), (3, 13))
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LIBSNDFILE = "__libsndfile_version__"  # what soundfile calls its version
STAGE_OF = dict(zip(KINDS, ("diarize", "separate", "transcribe"), strict=True))


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
        *_extras(),
        *_clashes(torch := ask()),
        *_sound(),
        *_faults(),
        *_backends(),
        *_models(),
        *_disk(folder or Path.cwd()),
        *_machine(),
        *_accelerator(torch, driver()),
    ]


def _python() -> Iterator[Finding]:
    found = sys.version_info[:2]
    low, high = (".".join(map(str, bound)) for bound in PYTHONS)
    good = PYTHONS[0] <= found <= PYTHONS[1]
    detail = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("environment", "python", good, detail, "" if good else f"make an environment with Python {low} to {high}")


def _packages() -> Iterator[Finding]:
    for asked in requirements():
        if not asked.extra:
            here = installed(asked.name)
            good = bool(here) and within(here, asked.bounds)
            detail = here if good else f"{here}, and {asked.bounds} is needed" if here else "not installed"
            yield Finding("environment", asked.name, good, detail, "" if good else f"pip install '{asked.text}'")


def _extras() -> Iterator[Finding]:
    """Each extra: whole, not there, or there in versions that it does not work with."""
    extras: dict[str, list[Requirement]] = {}
    for asked in requirements():
        if asked.extra not in ("", "dev"):
            extras.setdefault(asked.extra, []).append(asked)
    for extra, wanted in sorted(extras.items()):
        here = {asked: installed(asked.name) for asked in wanted}
        misfits = [(asked, found) for asked, found in here.items() if found and not within(found, asked.bounds)]
        absent = [asked.name for asked, found in here.items() if not found]
        brings = f"pip install 'sepdiar[{extra}]'"
        if misfits:
            wrong = "; ".join(f"{asked.name} is {found}, not {asked.bounds}" for asked, found in misfits)
            yield Finding("extras", extra, False, wrong, brings, needed=False)
        elif absent:
            yield Finding("extras", extra, None, f"not here: {', '.join(absent)}; {brings} brings it", needed=False)
        else:
            detail = ", ".join(f"{asked.name} {found}" for asked, found in here.items())
            yield Finding("extras", extra, True, detail, needed=False)


def _clashes(torch: Torch) -> Iterator[Finding]:
    """What is known not to go together."""
    found = list(clashes(bool(torch.cuda)))
    for clash in found:
        yield Finding("extras", clash.name, False, clash.detail, clash.mend, needed=False)
    if torch.torchaudio == "worked around":
        what = "is built for CUDA, torch for the CPU: its import is an OSError, which sepdiar works around"
        detail = f"{installed('torchaudio')} {what}"
        yield Finding("extras", "torchaudio", None, detail, needed=False)
    elif torch.torchaudio not in ("", "works"):
        mend = "pip install --force-reinstall torch torchaudio"
        yield Finding("extras", "torchaudio", False, f"cannot be imported: {torch.torchaudio}", mend, needed=False)
    if not found:
        yield Finding("extras", "clashes", True, "no versions that are known not to go together", needed=False)


def _sound() -> Iterator[Finding]:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        yield Finding("decoding", "libsndfile", False, str(error), "pip install --force-reinstall soundfile")
        return
    reads = soundfile.available_formats()
    good = "MP3" in reads
    detail = f"{getattr(soundfile, LIBSNDFILE)}, {'reads' if good else 'cannot read'} MP3"
    yield Finding("decoding", "libsndfile", good, detail, "" if good else "pip install --upgrade 'soundfile>=0.13'", needed=good)
    ffmpeg = shutil.which("ffmpeg")
    yield Finding("decoding", "ffmpeg", True if ffmpeg else None, f"{ffmpeg or 'not installed'}; not needed", needed=False)


def _faults() -> Iterator[Finding]:
    """Versions with a known fault: red where strangers' files could use it here, else a remark."""
    here = {"torch": installed("torch")}
    for package, library, attribute in (("av", "FFmpeg", "ffmpeg_version_info"), ("soundfile", "libsndfile", LIBSNDFILE)):
        with suppress(ImportError, OSError):  # which is told elsewhere
            here[library] = str(getattr(import_module(package), attribute, ""))
    for name, why in faults(here):
        matters = name == "torch"
        mend = "pip install 'torch>=2.10'" if matters else ""
        yield Finding("decoding", f"{name} {here[name]}", False if matters else None, why, mend, needed=False)


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


def _models() -> Iterator[Finding]:
    """What is here, one by one, and what could be pulled, backend by backend."""
    absent: dict[str, list[state.Known]] = {}
    for one in state.known():
        if one.state == "absent":
            absent.setdefault(one.backend, []).append(one)
            continue
        card = cards.card(one.name)
        here = shelf.pulled(card)
        files = [here.folder / file.kept for file in here.files] if here else []
        if one.state == "shipped":
            files = [card.folder / "weights.safetensors"] if "sha256" in card.facts else []
        lost = [path for path in files if not path.is_file()]
        mend = f"sepdiar models pull {one.name}" if here else "pip install --force-reinstall sepdiar"
        detail = f"{lost[0]} is gone" if lost else f"{one.state}, {one.licence}"
        yield Finding("models", one.name, not lost, detail, mend if lost else "", needed=False)
    for backend, those in sorted(absent.items()):
        detail = f"not here: {', '.join(one.name for one in those)}; sepdiar models pull NAME brings one"
        if gated := [one.name for one in those if one.gated]:
            token = "a token is there" if hub.has_token() else "no token: hf auth login"
            detail += f" ({', '.join(gated)} gated: accept the conditions at its home; {token})"
        yield Finding("models", backend, None, detail, needed=False)


def _disk(folder: Path) -> Iterator[Finding]:
    """Write, sync and rename a folder as a run does: some network disks refuse one of them."""
    try:
        with tempfile.TemporaryDirectory(prefix=".sepdiar-doctor-", dir=folder) as place:
            before, after = Path(place) / "a", Path(place) / "b"
            before.mkdir()
            began = time.perf_counter()
            with (before / "file").open("wb") as file:
                file.write(b"sepdiar")
                file.flush()
                os.fsync(file.fileno())
            disk.sync(before)
            before.rename(after)
            disk.sync(after.parent)
            took = time.perf_counter() - began
            free = shutil.disk_usage(place).free
    except OSError as error:
        mend = f"choose another folder for --out, or: chmod u+rwx {folder}"
        yield Finding("disk", str(folder), False, f"cannot write, sync and rename: {error.strerror or error}", mend)
        return
    yield Finding("disk", str(folder), True, f"write, sync and rename in {1000 * took:.0f} ms; {free / 1e9:.1f} GB free")


def _machine() -> Iterator[Finding]:
    yield Finding("machine", "processors", True, f"{_cores()} to use, {os.cpu_count()} in all")
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    spoken = ", ".join(f"{name}={value}" for name, value in threads.items()) or "not limited by the environment"
    yield Finding("machine", "threads", True, f"{spoken}; each worker computes on one", needed=False)
    yield Finding("machine", "network", True, "not needed, not used", needed=False)


def _accelerator(torch: Torch, driver: str) -> Iterator[Finding]:
    if not torch.version:
        yield Finding("machine", "gpu", None, "not looked for: torch is not installed", needed=False)
        return
    if torch.fault:
        mend, detail = "pip install --force-reinstall torch", f"{torch.version} cannot be imported: {torch.fault}"
        yield Finding("machine", "torch", False, detail, mend, needed="torch" in _imported())
        return
    built = f"{torch.version}, built for {f'CUDA {torch.cuda}' if torch.cuda else 'the CPU'}"
    yield Finding("machine", "torch", True, f"{built}; {f'driver {driver}' if driver else 'no NVIDIA driver'}", needed=False)
    why, mend = why_unseen(torch, driver)
    yield Finding(
        "machine", "gpu", False if why else True if torch.seen else None, why or "; ".join(torch.seen) or "none", mend, False
    )


def _imported() -> set[str]:
    """What the default recipe imports."""
    return {package for stage in resolve(DEFAULT_RECIPE, environ={}).stages() for package in stage.packages}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing(findings: list[Finding]) -> SepdiarError | None:
    """The refusal with which `sepdiar doctor` ends where something that the default recipe needs is not there."""
    lacking = [finding for finding in findings if finding.good is False and finding.needed]
    if not lacking:
        return None
    names = ", ".join(finding.name for finding in lacking)
    return SepdiarError("SD250", f"the recipe {DEFAULT_RECIPE} cannot run without: {names}", hint=lacking[0].mend)
