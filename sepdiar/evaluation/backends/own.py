"""Our own diarizers, which have no other package: what ships, and a network with attractors of random weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHAPE = {"width": 256, "depth": 4, "heads": 4, "bands": 40}  # as models/eend-eda/train.toml has it


def publish(name: str, folder: Path, shape: Mapping[str, Any], heard: Path) -> dict[str, Any]:
    """Write weights where none ship, and return the parameters with which the backend takes them."""
    if name != "eend-eda":
        return {}
    import torch

    from sepdiar.networks import weights
    from sepdiar.networks.eend import Eend

    torch.manual_seed(0)
    asked = SHAPE | dict(shape)
    network = Eend(**asked)
    with torch.no_grad():
        network.norm.weight.mul_(4)
        network.exist.bias.fill_(6.0)  # whoever can be heard is
    path = folder / "weights.safetensors"
    weights.write(network, "eend", asked, path)
    return {"path": str(path)}
