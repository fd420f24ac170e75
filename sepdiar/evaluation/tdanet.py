"""Our TDANet beside that of its authors, on the same random weights: `python -m sepdiar.evaluation.tdanet --source FOLDER`.

FOLDER is a copy of github.com/JusperLee/TDANet, as eval/tdanet/README.md says. Its program runs in this process.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sepdiar.errors import SepdiarError
from sepdiar.evaluation import beside
from sepdiar.evaluation.command import command
from sepdiar.models.pickles import convert
from sepdiar.networks import tdanet
from sepdiar.networks.threads import one_thread

SMALL = {"out_channels": 8, "in_channels": 16, "num_blocks": 3, "upsampling_depth": 3}
FULL = {"out_channels": 128, "in_channels": 512, "num_blocks": 16, "upsampling_depth": 5}
CASES: Mapping[str, tuple[Mapping[str, int], int]] = {  # what their class is given, samples
    "tiny": (SMALL | {"enc_kernel_size": 1}, 701),
    "tiny-two-speeds": (SMALL | {"enc_kernel_size": 1, "upsampling_depth": 2}, 640),
    "tiny-short": (SMALL | {"enc_kernel_size": 2}, 3),
    "4ms": (FULL | {"enc_kernel_size": 4}, 16_000),
    "2ms": (FULL | {"enc_kernel_size": 2}, 16_001),
}


def random(shapes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Random weights by name, the same for the same names and shapes; gains and offsets too, which start as ones and zeros."""
    drawn = torch.Generator().manual_seed(1)
    made = {}
    for name, like in sorted(shapes.items()):
        noise = torch.randn(like.shape, generator=drawn)
        alone = like.dim() < 2
        gain = alone and name.endswith(("gamma", "norm.weight"))
        made[name] = noise * (0.2 if alone else like[0].numel() ** -0.5) + float(gain)
    return made


def mixtures(samples: int) -> Tensor:
    """Two that are no speech: noise, one of them 20 dB below the other."""
    return torch.randn((2, samples), generator=torch.Generator().manual_seed(2)) * torch.tensor([[0.1], [0.01]])


def compare(published: type[nn.Module], name: str, out: Path) -> beside.Row:
    """Write what both make of a case into OUT/NAME.safetensors, and say how far they are apart.

    Theirs is given one mixture at a time; "their batch" is how far its own sources move when it is given both together.
    """
    given, samples = CASES[name]
    mixture, theirs = mixtures(samples), published(**given, sample_rate=16_000).eval()
    places = {key: value for key, value in theirs.state_dict().items() if key.endswith(".pe")}
    theirs.load_state_dict(random({key: value for key, value in theirs.state_dict().items() if key not in places}) | places)
    with TemporaryDirectory() as folder:
        file, kept = Path(folder) / "pytorch_model.bin", Path(folder) / "pytorch_model.safetensors"
        torch.save({"model_name": published.__name__, "state_dict": theirs.state_dict(), "model_args": dict(given)}, file)
        convert(file, kept, "state_dict")
        weights = load_file(kept)
    with one_thread(), torch.inference_mode():
        alone = torch.cat([theirs(one[None]) for one in mixture])
        together = theirs(mixture)
        ours = tdanet.of(weights, given["num_blocks"])(mixture)
    if name.startswith("tiny"):
        save_file({"mixture": mixture, "theirs": alone, "ours": ours.contiguous()}, out / f"{name}.safetensors")
    return {
        "case": name,
        **given,
        "torch": torch.__version__,
        "tensors": len(weights),
        "weights": sum(value.numel() for key, value in weights.items() if key not in places),
        "samples": samples,
        **beside.apart(ours, alone),
        "their batch": float((together - alone).abs().max()),
    }


def theirs(source: Path) -> type[nn.Module]:
    """Their class, imported from a copy of their repository; SD250 where it is not there or lacks a package."""
    sys.path.insert(0, str(source.resolve()))
    try:
        found: type[nn.Module] = importlib.import_module("look2hear.models.TDANet_best").TDANetBest
    except ImportError as error:
        raise SepdiarError("SD250", str(error), where=str(source)) from error
    finally:
        sys.path.pop(0)
    return found


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Compare every case that is asked for; 1 where one is further apart than rounding explains."""
    parser = beside.options("tdanet", __doc__, CASES)
    parser.add_argument("--source", type=Path, required=True, metavar="FOLDER")
    given = parser.parse_args(arguments)
    published = theirs(given.source)
    return beside.compared(given.case or CASES, lambda name: compare(published, name, given.out), given.out)


if __name__ == "__main__":
    sys.exit(main())
