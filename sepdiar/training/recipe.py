"""From a recipe and speech to a training, and what is written of it."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.machine import facts
from sepdiar.networks.devices import present
from sepdiar.store.disk import digest, refusals
from sepdiar.store.lock import Lock
from sepdiar.training.begin import begin_with
from sepdiar.training.corpus import Corpus
from sepdiar.training.course import Course
from sepdiar.training.loop import Training
from sepdiar.training.material import gathered
from sepdiar.training.state import BEST, STATE, replace_whole
from sepdiar.training.task import Known, make, table

SUMMARY, RECIPE = "training.json", "train.toml"
APART = frozenset({"training.steps", "training.log_every", "training.save_minutes", "training.workers"})
"""Keys that may change in the midst of a training: they change no weight, or the loop looks at them by itself."""


@dataclass(frozen=True)
class Order:
    """What to train, from what, and where to. `start` holds weights to begin with instead of random ones."""

    task: str
    recipe: Path
    data: Path
    out: Path
    cache: Path | None = None
    noise: Path | None = None
    rooms: Path | None = None
    start: Path | None = None
    device: str = "cpu"
    steps: int | None = None


@contextmanager
def opened(order: Order, tell: Callable[[str], None] = lambda line: None) -> Iterator[Training]:
    """A training ready to run, its folder locked."""
    recipe, text = read(order.recipe)
    if order.steps is not None:
        recipe["training"] = {**recipe.get("training", {}), "steps": order.steps}
    course = table(Course, recipe, "training")
    device = present(order.device)
    with refusals(order.out):
        order.out.mkdir(parents=True, exist_ok=True)
        with Lock(order.out / "lock"):
            material = gathered(order.data, order.cache or order.out / "speech", order.noise, order.rooms)
            train, dev, noises, rooms = material
            tell(f"train {_about(train)}; dev {_about(dev)}; computed in {course.precise(torch.device(device))}")
            torch.manual_seed(course.seed)
            task = make(order.task, recipe, *material)
            if order.start:
                begin_with(task, order.start)
                if isinstance(task, Known) and not (order.out / STATE).exists():
                    task.begun()
            same = {
                "task": order.task,
                **_flat(recipe),
                "--data (train)": _listed(train),
                "--data (dev)": _listed(dev),
                "--noise": _heard(noises),
                "--rooms": _heard(rooms),
                "--start": digest(order.start) if order.start else "",
            }
            about: dict[str, Any] = {"task": order.task, "recipe": recipe, "train": facts_of(train), "dev": facts_of(dev)}
            about |= {"given_noises": len(noises), "given_responses": len(rooms)}
            yield Training(task, course, order.out, same, device, tell, lambda training: _summarise(training, about, text))


def read(path: Path) -> tuple[dict[str, Any], str]:
    """The tables of a recipe, and its text."""
    try:
        text = path.read_text(encoding="utf-8")
        recipe = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SepdiarError("SD203", str(error), where=str(path)) from error
    for name, values in recipe.items():
        if not isinstance(values, dict):
            raise SepdiarError("SD202", "a recipe of a training is made of tables", where=name)
    return recipe, text


def _flat(recipe: Mapping[str, Any]) -> dict[str, str]:
    keys = {
        f"{name}.{key}": json.dumps(value, sort_keys=True) for name, values in recipe.items() for key, value in values.items()
    }
    return {key: value for key, value in keys.items() if key not in APART}


def _listed(corpus: Corpus) -> str:
    clips = [[clip.id, clip.speaker, clip.samples] for clip in corpus.clips]
    return hashlib.sha256(json.dumps(clips).encode()).hexdigest()


def _heard(sounds: Sequence[Samples]) -> str:
    found = hashlib.sha256()
    for sound in sounds:
        found.update(sound.tobytes())
    return found.hexdigest()


def _about(corpus: Corpus) -> str:
    return f"{corpus.hours:.2f} h of {len(corpus.speakers)} speakers"


def facts_of(corpus: Corpus) -> dict[str, Any]:
    """How much speech that is."""
    return {"hours": round(corpus.hours, 3), "speakers": len(corpus.speakers), "utterances": len(corpus.clips)}


def _summarise(training: Training, about: Mapping[str, Any], recipe: str) -> None:
    """Write `training.json`: data, steps, seconds, machine, figures, and the hash of the best weights; the recipe beside it."""
    best = training.out / BEST
    on_gpu = training.device.type == "cuda"
    summary = {
        **about,
        "parameters": sum(parameter.numel() for parameter in training.network.parameters()),
        "steps": training.step,
        "finished": training.finished,
        "skipped_steps": training.skipped,
        "seconds": round(training.seconds, 1),
        "device": torch.cuda.get_device_name(training.device) if on_gpu else f"CPU, threads: {torch.get_num_threads()}",
        "precision": training.precision,
        "machine": facts(["numpy", "safetensors", "sepdiar", "torch"]),
        "best_step": training.best_step,
        "figures": training.figures,
        "sha256": digest(best) if best.exists() else "",
    }
    replace_whole(training.out / RECIPE, recipe.encode())
    replace_whole(training.out / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
