"""Models of pyannote.audio as they may be used here: from files that were pulled, and nothing of theirs asks a network.

Its own way to load a model runs whatever a checkpoint holds, asks a hub, and tells a server what was loaded. This reads the
tensors and the arguments, and fills the package's own class with them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sepdiar.errors import SepdiarError
from sepdiar.networks import torchaudio_cpu

if TYPE_CHECKING:
    from torch import Tensor, nn

CHECKPOINT = "pytorch_model.bin"
TASK = "pyannote.audio.core.task"
# what a checkpoint says of its task, in classes of the package's: nobody needs it
TASKS = tuple(f"{TASK}.{name}" for name in ("Specifications", "Resolution", "Problem"))
TRAINED = "loss_func."  # weights that were of use in training only
OWN = "pyannote.audio"  # below this a checkpoint says which class it is of


def importable() -> None:
    """Make `import pyannote.audio` work beside a torch without CUDA, and keep it from telling anybody; to be called before it."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    torchaudio_cpu.importable()


def saved(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a checkpoint, or of what pulling made of it, and the arguments of its class, where it has any.

    SD264 where it holds anything that could run, SD251 where it is no checkpoint of a model of pyannote's.
    """
    from sepdiar.models.published import weights

    tensors, about = weights(path, TASKS)
    arguments = about.get("hyper_parameters", {} if OWN in about else None)
    if not isinstance(arguments, Mapping):
        raise SepdiarError("SD251", "no checkpoint of a model of pyannote's", where=str(path), hint="sepdiar models list")
    return {name: value for name, value in tensors.items() if not name.startswith(TRAINED)}, dict(arguments)


def task(problem: str, classes: int, duration: float, at_once: int | None = None) -> Any:
    """What a model is told that it is for: `problem` is a name of the package's, `duration` in seconds.

    `classes` are its outputs; or with `at_once` each set of up to so many of them is one.
    """
    importable()
    from pyannote.audio.core.task import Problem, Resolution, Specifications

    names = [f"speaker#{number + 1}" for number in range(classes)]
    more = {"powerset_max_classes": at_once, "permutation_invariant": True}
    return Specifications(Problem[problem], Resolution.FRAME, duration, classes=names, **more)


def filled(network: Any, tasks: Any, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A network of the package's with the last layers that its tasks ask for, and these weights, ready to work.

    A RuntimeError says which weights do not fit.
    """
    network.specifications = tasks
    network.build()
    network.load_state_dict(tensors)
    made: nn.Module = network.eval()
    return made
