"""What the loop asks of a task, and the tasks there are."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.random import Generator
from torch import Tensor, nn

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.training.corpus import Corpus

Settings = TypeVar("Settings")
Batch = tuple[np.ndarray[Any, Any] | Tensor, ...]
Figures = dict[str, float | Tensor]

TASKS = {
    "separation": "sepdiar.training.separation:Separation",
    "segmentation": "sepdiar.training.segmentation:Segmentation",
    "embedding": "sepdiar.training.embedding:Embedding",
    "eend": "sepdiar.training.eend:EendEda",
}


@runtime_checkable
class Task(Protocol):
    """One model to train, made as `Task(recipe, train, dev, noises=..., rooms=...)`; the recipe's tables are its own business.

    `network` is what is shipped: `networks.weights.make(kind, shape)`. `heads` holds what belongs to training only, such as
    a classifier of speakers; a task without any leaves it an empty `nn.Module()`.
    """

    kind: str
    shape: Mapping[str, Any]
    network: nn.Module
    heads: nn.Module

    def batch(self, rng: Generator) -> Batch:
        """What one step learns from. All chance comes from `rng`; it runs in another thread or process, and changes nothing."""
        ...

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Figures]:
        """The loss, under autocast, and figures for the log. The batch holds tensors now, on the device of the network."""
        ...

    def evaluate(self, network: nn.Module) -> Figures:
        """Figures on the dev speakers, the first of them to be maximised; always the same for the same weights."""
        ...


@runtime_checkable
class Known(Protocol):
    """A task whose heads can be told what the weights know that a training begins with."""

    def begun(self) -> None:
        """Called once these weights are in its network."""
        ...


def make(
    name: str,
    recipe: Mapping[str, Any],
    train: Corpus,
    dev: Corpus,
    noises: Sequence[Samples] = (),
    rooms: Sequence[Samples] = (),
) -> Task:
    """The task called `name`, with fresh weights; `noises` and `rooms` are recordings and responses at 16 kHz."""
    if name not in TASKS:
        raise SepdiarError("SD201", f"no task {name}; there are: {', '.join(TASKS)}", hint="Choose one of them.")
    module, _, cls = TASKS[name].partition(":")
    build: Callable[..., Task] = getattr(importlib.import_module(module), cls)
    return build(recipe, train, dev, noises=tuple(noises), rooms=tuple(rooms))


def table(settings: type[Settings], recipe: Mapping[str, Any], name: str) -> Settings:
    """A table of a recipe as the dataclass that describes it; SD202 where a key or the kind of a value is another.

    >>> from sepdiar.training.course import Course
    >>> table(Course, {"training": {"steps": 7, "aside": ["mask"]}}, "training").aside
    ('mask',)
    """
    known = {field.name: field.default for field in fields(settings)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in recipe.get(name, {}).items():
        if key not in known:
            raise SepdiarError("SD202", f"no such key; there are: {', '.join(known)}", where=f"{name}.{key}")
        default = known[key]
        value = tuple(value) if isinstance(value, list) else value
        fits = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, fits) or isinstance(value, bool) != isinstance(default, bool):
            raise SepdiarError("SD202", f"{value!r}; the default is {default!r}", where=f"{name}.{key}")
        values[key] = value
    return settings(**values)
