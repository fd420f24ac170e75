"""Our MossFormer2 beside that of its authors, on the same random weights.

    python -m sepdiar.evaluation.mossformer2 --package-python PYTHON

PYTHON is that of an environment with the package clearvoice, which cannot live beside ours; eval/mossformer2/README.md makes one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sepdiar.environment import for_child
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import beside, mossformer2_package
from sepdiar.evaluation.command import command
from sepdiar.networks import mossformer2
from sepdiar.networks.threads import one_thread

TINY = {"width": 8, "depth": 2, "kernel": 4}
FULL = {"width": 512, "depth": 24, "kernel": 16}
CASES: Mapping[str, tuple[Mapping[str, int], int, int]] = {  # shape, mixtures, samples
    "tiny": (TINY, 2, 701),  # two groups of frames, the second not full, and a sample that fills no frame
    "tiny-group": (TINY, 1, 514),  # one group of frames, full
    "tiny-short": (TINY, 1, 9),
    "full": (FULL, 1, 6_005),
    "full-long": (FULL, 1, 32_000),
}
PACKAGE = "clearvoice==0.1.2"


def compare(python: Path, name: str, out: Path) -> beside.Row:
    """Write what both make of a case into OUT/NAME.safetensors, and say how far they are apart."""
    shape, count, samples = CASES[name]
    with TemporaryDirectory() as folder:
        program = [str(python), mossformer2_package.__file__, json.dumps(shape), str(count), str(samples), folder]
        done = subprocess.run(program, capture_output=True, text=True, check=False, env=for_child())
        if done.returncode:
            what = (done.stderr.strip() or "it failed").splitlines()[-1]
            raise SepdiarError("SD250", what, where=str(python), hint=f"{python} -m pip install --no-deps {PACKAGE}")
        weights = load_file(Path(folder) / "weights.safetensors")
        with safe_open(Path(folder) / "sources.safetensors", "pt") as file:
            package = file.metadata()["package"]
            mixture, theirs = file.get_tensor("mixture"), file.get_tensor("package")
    with one_thread(), torch.inference_mode():
        ours = mossformer2.of(weights)(mixture)
    names = json.dumps({name: list(value.shape) for name, value in sorted(weights.items())})
    save_file({"mixture": mixture, "package": theirs, "ours": ours}, out / f"{name}.safetensors", {"weights": names})
    return {
        "case": name,
        **shape,
        "package": package,
        "tensors": len(weights),
        "weights": sum(value.numel() for value in weights.values()),
        "mixtures": count,
        "samples": samples,
        **beside.apart(ours, theirs),
    }


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Compare every case that is asked for; 1 where one is further apart than rounding explains."""
    parser = beside.options("mossformer2", __doc__, CASES)
    parser.add_argument("--package-python", type=Path, required=True, metavar="PYTHON")
    given = parser.parse_args(arguments)
    return beside.compared(given.case or CASES, lambda name: compare(given.package_python, name, given.out), given.out)


if __name__ == "__main__":
    sys.exit(main())
