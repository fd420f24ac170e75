"""The authors' own MossFormer2, as the package clearvoice has it: run by a Python that has that package, and without sepdiar.

    PYTHON mossformer2_package.py '{"width": 8, "depth": 1, "kernel": 4}' COUNT SAMPLES FOLDER

It writes FOLDER/weights.safetensors, random, and FOLDER/sources.safetensors: COUNT mixtures, and what the package makes of them.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

SEED = 0


def draw(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Random tensors, the same on every machine, of a size at which every part of the network matters."""
    source = np.random.RandomState(SEED)  # its stream is frozen for good
    made = {}
    for name in sorted(shapes):
        noise = source.standard_normal(tuple(shapes[name]))
        if "offset_scale" in name or name == "mixture":
            value = noise
        elif len(shapes[name]) > 1:
            value = noise / np.sqrt(np.prod(shapes[name][1:]))
        else:
            value = 0.5 + 0.1 * noise
        made[name] = torch.from_numpy(value.astype(np.float32))
    return made


def computed(name: str) -> bool:
    """Whether a tensor is not learned but follows from the shape of the network."""
    return name.rpartition(".")[2] in ("freqs", "inv_freq")


def main(arguments: Sequence[str]) -> None:
    """Build the package's class, and write its weights, mixtures and sources."""
    from safetensors.torch import save_file

    shape, (count, samples), folder = json.loads(arguments[0]), map(int, arguments[1:3]), Path(arguments[3])
    spec = find_spec("clearvoice")  # only found: to import it asks for much that the network does not need
    if spec is None or not spec.submodule_search_locations:
        sys.exit("clearvoice is not installed")
    sys.path.insert(0, str(Path(spec.submodule_search_locations[0]) / "models"))
    theirs = import_module("mossformer2_ss.mossformer2")
    sizes = {"encoder_embedding_dim": shape["width"], "mossformer_sequence_dim": shape["width"], "num_spks": 2}
    network = theirs.MossFormer2_SS_16K(
        Namespace(**sizes, num_mossformer_layer=shape["depth"], encoder_kernel_size=shape["kernel"])
    ).model
    state = network.state_dict()
    state |= draw({name: value.shape for name, value in state.items() if not computed(name)})
    network.load_state_dict(state)
    mixture = draw({"mixture": (count, samples)})["mixture"]
    torch.set_num_threads(1)
    with torch.inference_mode():
        sources = torch.stack(network.eval()(mixture), 1)
    save_file({name: value.detach().clone().contiguous() for name, value in state.items()}, folder / "weights.safetensors")
    about = f"clearvoice {version('clearvoice')}, torch {torch.__version__}"
    save_file({"mixture": mixture, "package": sources.contiguous()}, folder / "sources.safetensors", {"package": about})


if __name__ == "__main__":
    main(sys.argv[1:])
