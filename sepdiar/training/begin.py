"""What a training begins with: the weights of another, also of one with fewer layers, or what lies between those of two.

On the way from where a training began to where it ended, the best place is often not its end.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from sepdiar.errors import SepdiarError
from sepdiar.networks import weights
from sepdiar.training.task import Task

State = dict[str, Tensor]
BLOCK = re.compile(r"blocks\.\d+\.")
LAST = ("mix", "answer", "think.2")  # layers of a block: without them it adds nothing
FINER = "finer."  # layers each of which is added to what it hears
COUNTS = ("depth", "finer")  # of a shape: how many layers there are of what may be more
UNREAD = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)


def begin_with(task: Task, path: Path) -> None:
    """The weights of a network of that shape, or of one with fewer layers: those that it lacks add nothing at first."""
    try:
        known = weights.read(path.read_bytes()).state_dict()
        task.network.load_state_dict(_with_all_layers(known, task.network.state_dict()))
    except UNREAD as error:
        raise SepdiarError("SD251", f"no weights to begin with: {error}", where=str(path)) from error


def blend(first: Path, second: Path, share: float, out: Path) -> str:
    """So far on the way from the first weights to the second, which may have more layers; returns the hash of the file."""
    try:
        contents = first.read_bytes(), second.read_bytes()
        kinds = [_but_counts(weights.header(content)) for content in contents]
        if kinds[0] != kinds[1]:
            raise ValueError(f"{kinds[0]} and {kinds[1]}")
        network = weights.read(contents[1])
        ended = network.state_dict()
        begun = _with_all_layers(weights.read(contents[0]).state_dict(), ended)
        network.load_state_dict({name: _between(begun[name], ended[name], share) for name in begun})
    except UNREAD as error:
        raise SepdiarError("SD251", f"no two weights of one kind: {error}", where=f"{first} {second}") from error
    return weights.write(network, **weights.header(contents[1]), path=out)


def _with_all_layers(known: State, whole: State) -> State:
    added: State = {}
    for name, value in whole.items():
        block = BLOCK.match(name)
        mix = f"{block[0]}mix.weight" if block else ""
        if name.startswith(FINER) and name not in known:
            added[name] = torch.zeros_like(value)
        elif mix in whole and mix not in known:
            silent = any(f".{layer}." in name for layer in LAST)
            added[name] = torch.zeros_like(value) if silent else value
    return {**known, **added}


def _but_counts(header: dict[str, Any]) -> dict[str, Any]:
    return {**header, "shape": {key: value for key, value in header["shape"].items() if key not in COUNTS}}


def _between(before: Tensor, after: Tensor, share: float) -> Tensor:
    return before.lerp(after, share) if before.is_floating_point() else after
