"""The long-file call of clearvoice, timed: run by a Python that has that package, and of sepdiar only these files.

    PYTHON package.py '{"weights": FILE, "mixture": FILE.npy, "device": "cpu", "threads": 1, "memory": 8}'

It tells what it measured as a line of JSON on stderr.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from sepdiar.evaluation.bench.telling import limit, measured, tell

SHAPE = {"encoder_embedding_dim": 512, "mossformer_sequence_dim": 512, "num_mossformer_layer": 24, "encoder_kernel_size": 16}
DECODED = {"network": "MossFormer2_SS_16K", "sampling_rate": 16_000, "one_time_decode_length": 2, "decode_window": 2}
ASIDE = ("librosa", "torchaudio", "utils.misc", "utils.bandwidth_sub", "dataloader.meldataset")


def whole_file(call: Callable[[Any], Any], mixture: Any, rate: int, device: str, **facts: Any) -> None:
    """Time a call for a whole recording, after one for a second of it."""
    with torch.inference_mode():
        call(mixture[:rate])
        with measured(device, **facts):
            call(mixture)


def clearvoice(weights: Path, device: str) -> Callable[[Any], Any]:
    """Its call for files of any length, with the network of its settings file."""
    spec = find_spec("clearvoice")  # only found: to import it asks for much that the call does not need
    if spec is None or not spec.submodule_search_locations:
        sys.exit("clearvoice is not installed")
    home = Path(spec.submodule_search_locations[0])
    sys.path.insert(0, str(home / "models"))
    network = import_module("mossformer2_ss.mossformer2").MossFormer2_SS_16K(Namespace(**SHAPE, num_spks=2)).model
    network.load_state_dict(torch.load(weights, weights_only=True)["model"])
    network.to(device).eval()
    for name in ("clearvoice", "clearvoice.utils", "clearvoice.dataloader"):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(home / name.partition(".")[2])]
    for name in ASIDE:
        full = f"clearvoice.{name}" if "." in name else name
        if "." in name or find_spec(name) is None:
            sys.modules[full] = _empty(full)
    decode = import_module("clearvoice.utils.decode").decode_one_audio
    settings = Namespace(**DECODED, num_spks=2)
    return lambda mixture: decode(network, torch.device(device), mixture[None], settings)


def _empty(name: str) -> ModuleType:
    module = ModuleType(name)
    module.__getattr__ = lambda _: None  # type: ignore[method-assign]
    return module


def main(arguments: Sequence[str]) -> None:
    """Time the call that the order describes."""
    order: Mapping[str, Any] = json.loads(arguments[0])
    limit(order["memory"], order["device"])
    torch.set_num_threads(order["threads"])
    try:
        call = clearvoice(Path(order["weights"]), order["device"])
        about = f"clearvoice {version('clearvoice')}, torch {torch.__version__}"
        whole_file(call, np.load(order["mixture"]), 16_000, order["device"], package=about)
    except (MemoryError, RuntimeError) as error:
        tell("failed", reason=str(error).partition("\n")[0])


if __name__ == "__main__":
    main(sys.argv[1:])
