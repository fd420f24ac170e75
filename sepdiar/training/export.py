"""The best weights of a training into the folder of a model, and what was measured into its card."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from sepdiar.errors import SepdiarError
from sepdiar.networks import weights
from sepdiar.store.disk import digest
from sepdiar.training.recipe import RECIPE, SUMMARY
from sepdiar.training.state import BEST, replace_whole

CARD = """name = "{name}"
kind = "{task}"
backend = "{backend}"
about = ""
licence = ""
rate = 16000
"""
BACKENDS = {"eend": "eend-eda"}  # what uses the model of a task; "compact" uses all others
_HASH = re.compile(r'^sha256 = ".*"$', re.MULTILINE)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def export(out: Path, folder: Path) -> dict[str, Any]:
    """Put weights.safetensors and train.toml into `folder`, and hash and `[trained]` into its card.toml; returns the summary.

    What a person wrote into the card stays; where there is none, one is begun.
    """
    content, summary = checked(out)
    best = out / BEST
    try:
        weights.read(content)
    except (ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise SepdiarError("SD251", f"weights that cannot be read: {error}", where=str(best)) from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "card.toml"
    task = summary["task"]
    begun = CARD.format(name=folder.name, task=task, backend=BACKENDS.get(task, "compact"))
    card = path.read_text(encoding="utf-8") if path.exists() else begun
    replace_whole(folder / "weights.safetensors", content)
    replace_whole(folder / RECIPE, (out / RECIPE).read_bytes())
    replace_whole(path, filled(card, summary).encode())
    return summary


def checked(out: Path) -> tuple[bytes, dict[str, Any]]:
    """The best weights of a training and its summary, which have to be of one another."""
    best, summary = out / BEST, _summary(out)
    content = best.read_bytes() if best.exists() else b""
    if not content:
        raise SepdiarError("SD251", "no weights yet: the training has not been on dev", where=str(best), hint="Train on.")
    if digest(best) != summary["sha256"]:
        raise SepdiarError("SD306", f"other weights than those of {SUMMARY}", where=str(best), hint="Train on, then export.")
    return content, summary


def filled(card: str, summary: dict[str, Any]) -> str:
    """The text of a card with the measured fields of a training."""
    kept, inside = list[str](), False
    for line in card.splitlines():
        inside = line.startswith("[trained") if line.startswith("[") else inside
        kept += [] if inside else [line]
    head, table, rest = "\n".join(kept).rstrip().partition("\n[")
    line = f'sha256 = "{summary["sha256"]}"'
    head = _HASH.sub(line, head, count=1) if _HASH.search(head) else f"{head.rstrip()}\n{line}"
    return f"{head}{table}{rest}\n\n{trained(summary)}"


def trained(summary: dict[str, Any]) -> str:
    """The table `[trained]` of a card."""
    train, dev, machine = summary["train"], summary["dev"], summary["machine"]
    facts = {
        "hours": train["hours"],
        "speakers": train["speakers"],
        "dev_hours": dev["hours"],
        "dev_speakers": dev["speakers"],
        "parameters": summary["parameters"],
        "steps": summary["steps"],
        "best_step": summary["best_step"],
        "seconds": summary["seconds"],
        "device": summary["device"],
        "processor": machine["processor"],
        "cores": machine["cores"],
        "torch": machine["packages"]["torch"],
        "date": machine["date"],
    }
    also = "given_noises", "given_responses", "blend", "start", "ended", "newest"
    facts |= {key: summary[key] for key in also if key in summary}
    lines = ["[trained]", *(f"{key} = {json.dumps(value)}" for key, value in facts.items())]
    figures = [f"{key if _BARE.fullmatch(key) else json.dumps(key)} = {value:.6g}" for key, value in summary["figures"].items()]
    return "\n".join([*lines, "", "[trained.dev]", *figures]) + "\n"


def _summary(out: Path) -> dict[str, Any]:
    path = out / SUMMARY
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SepdiarError("SD207", f"there is no {SUMMARY} in it", where=str(out)) from error
    return found
