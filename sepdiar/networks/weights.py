"""Weights on disk: safetensors in half precision, the network's shape in the header, their hash in the model's card."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sepdiar.errors import SepdiarError
from sepdiar.models import cards, kinds
from sepdiar.models.shelf import pulled
from sepdiar.models.shelf import read as read_lock

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORKS = {
    "separator": "sepdiar.networks.separator:Separator",
    "segmenter": "sepdiar.networks.segmenter:Segmenter",
    "voice": "sepdiar.networks.voice:Voice",
    "eend": "sepdiar.networks.eend:Eend",
}


@dataclass(frozen=True)
class Model:
    """A model, as its card describes it; `name` and `sha256` go into the provenance."""

    name: str
    sha256: str
    folder: Path
    card: Mapping[str, Any]


def find(name: str) -> Model:
    """The model called `name`: one of ours, or one that was pulled; SD251 where it is not there."""
    if cards.home(name) is None:
        raise SepdiarError("SD251", f"no model {name}", hint="sepdiar models list")
    card = cards.card(name)
    if card.public is None:
        return Model(name, str(card.facts["sha256"]), card.folder, card.facts)
    here = pulled(card)
    if here is None:
        raise SepdiarError("SD251", f"{name} was not pulled", hint=f"sepdiar models pull {name}")
    return Model(name, here.sha256, here.folder, card.facts)


def tensors(model: Model, file: str) -> dict[str, Tensor]:
    """The tensors by name in a file of a model that was pulled, such as masknet.safetensors; SD251 where it changed since."""
    from safetensors import SafetensorError
    from safetensors.torch import load as by_name

    lock = read_lock(model.folder)
    expected = next((kept.kept_sha256 for kept in lock.files if kept.kept == file), None) if lock else None
    path = model.folder / file
    content = path.read_bytes() if expected and path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != expected:
        hint = f"sepdiar models pull {model.name}"
        raise SepdiarError("SD251", f"{file} of {model.name} is not what was pulled", where=str(path), hint=hint)
    try:
        return by_name(content)
    except SafetensorError as error:
        raise kinds.misnamed(path, file) from error


def load(model: Model, device: str = "cpu") -> nn.Module:
    """The network of a model, ready to work on `device`; SD251 where its weights are missing or are not those of the card."""
    path = model.folder / "weights.safetensors"
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SepdiarError("SD251", f"the weights of {model.name}", where=str(path)) from error
    if hashlib.sha256(content).hexdigest() != model.sha256:
        raise SepdiarError("SD251", f"the weights of {model.name} are not those of its card", where=str(path))
    return read(content).to(device).eval()


def named(text: str) -> nn.Module:
    """The network of one of our models by its name, or of a file of weights, ready to work."""
    file = Path(text)
    return read(file.read_bytes()).eval() if file.is_file() else load(find(text))


def read(content: bytes) -> nn.Module:
    """The network that `write` wrote."""
    from safetensors.torch import load as tensors

    network = make(**header(content))
    network.load_state_dict({name: value.float() for name, value in tensors(content).items()})
    return network


def header(content: bytes) -> dict[str, Any]:
    """The `kind` and the `shape` of the network that was written."""
    size = int.from_bytes(content[:8], "little")
    found: dict[str, Any] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["network"])
    return found


def write(network: nn.Module, kind: str, shape: Mapping[str, Any], path: Path) -> str:
    """Keep a network in half precision; returns the hash of the file. The same weights always give the same bytes."""
    from safetensors.torch import save

    state = {name: value.detach().cpu().half().contiguous() for name, value in network.state_dict().items()}
    told = json.dumps({"kind": kind, "shape": dict(shape)}, sort_keys=True)
    content = save(state, {"network": told})  # one entry: safetensors writes several in any order
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def make(kind: str, shape: Mapping[str, Any]) -> nn.Module:
    """A network of one of our kinds with random weights."""
    module, _, name = NETWORKS[kind].partition(":")
    network: nn.Module = getattr(importlib.import_module(module), name)(**shape)
    return network
