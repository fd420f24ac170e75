"""Torch against the graphics card: its build, the driver, the devices that it sees, and torchaudio beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from sepdiar.environment import for_child
from sepdiar.versions import installed

ASK = """
import importlib.util, json, torch
seen = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
seen += ["Apple GPU"] if torch.backends.mps.is_available() else []
audio = "" if importlib.util.find_spec("torchaudio") is None else "works"
if audio:
    from sepdiar.networks import torchaudio_cpu
    try:
        import torchaudio
    except OSError:
        audio = "worked around"
    try:
        torchaudio_cpu.importable()
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        audio = f"{type(error).__name__}: {error}"
print(json.dumps({"cuda": torch.version.cuda or torch.version.hip or "", "seen": seen, "audio": audio}))
"""
UPDATE = (
    "nvidia-smi  # the CUDA it shows is the newest that the driver knows: update the driver, or install a torch built for that"
)


@dataclass(frozen=True)
class Torch:
    """What torch says of itself; `fault` is why it cannot be imported."""

    version: str = ""
    cuda: str = ""
    """What it is built for; "" is the CPU alone."""
    seen: tuple[str, ...] = ()
    torchaudio: str = ""
    """"works", "worked around", why it cannot be imported, or "" where it is not installed."""
    fault: str = ""


def ask() -> Torch:
    """Torch, asked in another process: it is slow to import, and a GPU, once opened, stays open."""
    if not (version := installed("torch")):
        return Torch()
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ASK], capture_output=True, text=True, timeout=300, check=True, env=for_child()
        )
        told = json.loads(asked.stdout.strip().splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return Torch(version, fault=(said if isinstance(said, str) else said.decode(errors="replace")).strip().splitlines()[-1])
    return Torch(version, told["cuda"], tuple(told["seen"]), told["audio"])


def driver() -> str:
    """The version of NVIDIA's driver; "" where there is none."""
    if not (tool := shutil.which("nvidia-smi")):
        return ""
    line = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        asked = subprocess.run(line, capture_output=True, text=True, timeout=30, check=True, env=for_child())
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.partition("\n")[0].strip()


def why_unseen(torch: Torch, driver: str) -> tuple[str, str]:
    """Why torch sees no device beside a driver, and the command that mends it; two empty texts where nothing is wrong."""
    if torch.seen or not driver:
        return "", ""
    if not torch.cuda:
        return f"driver {driver}, and a torch for the CPU alone", "pip install --force-reinstall torch"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1", "NoDevFiles"):
        return f"CUDA_VISIBLE_DEVICES={hidden!r} hides every device", "unset CUDA_VISIBLE_DEVICES"
    return f"torch is built for CUDA {torch.cuda}, which driver {driver} does not give it", UPDATE
