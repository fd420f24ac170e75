"""From a recipe and speech to a training, and what is said of it at the end."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.machine import facts
from sepdiar.store.disk import digest, refusals
from sepdiar.store.lock import Lock
from sepdiar.training.corpus import Corpus, gather
from sepdiar.training.course import Course
from sepdiar.training.loop import Training
from sepdiar.training.state import replace_whole
from sepdiar.training.task import make, table

HARMLESS = ("steps", "log_every", "save_minutes", "workers")  # of [training]: they change no weight, or are looked at apart


def read(path: Path) -> dict[str, Any]:
    """A recipe; SD203 where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SepdiarError("SD203", str(error), where=str(path)) from error


@contextmanager
def prepare(
    name: str,
    path: Path,
    data: Path,
    out: Path,
    cache: Path | None = None,
    device: str = "cpu",
    steps: int | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Iterator[Training]:
    """A training ready to run, the folder locked for it; `training.json` is written at the end, however it ends."""
    recipe = read(path)
    if steps is not None:
        recipe["training"] = {**recipe.get("training", {}), "steps": steps}
    course = table(Course, recipe, "training")
    with refusals(out):
        out.mkdir(parents=True, exist_ok=True)
        with Lock(out / "lock"):
            manifest = data / "manifest.tsv" if data.is_dir() else data
            train, dev = (gather(manifest, split, cache or out / "speech") for split in ("train", "dev"))
            tell(f"{name}: {train.hours:.2f} h of {len(train.speakers)} speakers, dev {dev.hours:.2f} h of {len(dev.speakers)}")
            torch.manual_seed(course.seed)
            task = make(name, recipe, train, dev)
            training = Training(task, course, out, identity(name, recipe, train, dev), device, tell)
            yield training
            summarise(training, name, recipe, train, dev)


def identity(name: str, recipe: Mapping[str, Any], train: Corpus, dev: Corpus) -> dict[str, str]:
    """What a training must have in common with its state, as dotted keys."""
    flat = {"task": name}
    for table_name, values in recipe.items():
        if isinstance(values, Mapping):
            flat |= {f"{table_name}.{key}": json.dumps(value, sort_keys=True) for key, value in values.items()}
    for split, corpus in (("train", train), ("dev", dev)):
        listed = json.dumps([[clip.id, clip.speaker, clip.samples] for clip in corpus.clips])
        flat[f"data ({split})"] = hashlib.sha256(listed.encode()).hexdigest()
    return {key: value for key, value in flat.items() if key not in {f"training.{key}" for key in HARMLESS}}


def summarise(training: Training, name: str, recipe: Mapping[str, Any], train: Corpus, dev: Corpus) -> None:
    """Write `training.json`: data, steps, seconds, machine, figures, and the hash of the best weights."""
    best = training.out / "best.safetensors"
    summary = {
        "task": name,
        "recipe": recipe,
        "train": {"hours": round(train.hours, 3), "speakers": len(train.speakers), "utterances": len(train.clips)},
        "dev": {"hours": round(dev.hours, 3), "speakers": len(dev.speakers), "utterances": len(dev.clips)},
        "steps": training.step,
        "finished": training.step == training.course.steps,
        "skipped_steps": training.skipped,
        "seconds": round(training.seconds, 1),
        "parameters": sum(parameter.numel() for parameter in training.network.parameters()),
        "device": torch.cuda.get_device_name() if training.device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads",
        "machine": facts(["numpy", "safetensors", "sepdiar", "torch"]),
        "best_step": training.best_step,
        "figures": training.figures,
        "sha256": digest(best) if best.exists() else "",
    }
    replace_whole(training.out / "training.json", (json.dumps(summary, indent=2, sort_keys=True) + "\n").encode())
