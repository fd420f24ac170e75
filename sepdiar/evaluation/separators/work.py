"""One measurement in a process of its own: `python -m sepdiar.evaluation.separators.work ORDER`, an order being JSON.

It tells what it measured as a line of JSON on stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from sepdiar import registry
from sepdiar.assemble.stage import Assemble
from sepdiar.audio.source import FileAudio
from sepdiar.conversation import Conversation
from sepdiar.engine import memory
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.bench.order import OURS
from sepdiar.evaluation.bench.telling import limit, measured, tell
from sepdiar.evaluation.separators import floor
from sepdiar.evaluation.separators.order import WHOLE
from sepdiar.evaluation.separators.package import whole_file
from sepdiar.events import silence
from sepdiar.networks.threads import one_thread
from sepdiar.pipeline import Take
from sepdiar.separation.portion import lacking
from sepdiar.separation.stage import Separate

FLOOR = "floor"
SECONDS = 8.0  # what a package's own windows are, where it leaves their length to the caller


def main(arguments: Sequence[str]) -> int:
    """Do what the order says; what a package's call cannot do, and a lack of memory, are told as a reason."""
    order: Mapping[str, Any] = json.loads(arguments[0])
    limit(order["memory"], order["device"])
    try:
        {OURS: ours, FLOOR: least}.get(order["way"], theirs)(order)
    except SepdiarError as error:
        tell("failed", reason=_limit(order) if error.code == "SD254" else str(error))
    except (MemoryError, RuntimeError) as error:
        if not lacking(error) and order["way"] in (OURS, FLOOR):
            raise
        tell("failed", reason=_limit(order) if lacking(error) else f"the call fails: {str(error).partition(chr(10))[0]}")
    return 0


def ours(order: Mapping[str, Any]) -> None:
    """The stages that separate and assemble, on a dialogue and its true turns, from the file to a file of two channels."""
    name, device, talk = order["separator"], order["device"], Path(order["talk"])
    tables: dict[str, Any] = {name: _parameters(order)}
    stage = Separate(name, context_seconds=order["context"], batch=order["batch"], device=device, **tables)
    stage.check()
    stage.open()
    memory.keep()
    stage.made.split(np.zeros((1, stage.made.rate), np.float32) + np.float32(1e-3))
    audio = FileAudio.open(talk / "mixture.flac")
    value = Conversation.from_json((talk / "conversation.json").read_text(encoding="utf-8"))
    with TemporaryDirectory(dir=talk) as folder, measured(device, precision=getattr(stage.made, "precision", "fp32")):
        take = Take(Conversation(value.recording, value.turns), talk / "mixture.flac", Path(folder), Path(folder), audio)
        Assemble().run(stage.run(take, silence), silence)
    told = stage.provenance().parameters
    tell("heard", **{key: told[key] for key in ("heard_seconds", "windows", "out_of_memory") if key in told})


def theirs(order: Mapping[str, Any]) -> None:
    """The package's own call for a whole recording, given as samples at the network's rate."""
    torch.set_num_threads(order["threads"])
    call, rate, about = _stock(order)
    mixture = np.load(Path(order["talk"]) / f"mixture-{rate}.npy")
    whole_file(call, mixture, rate, order["device"], package=about, precision="fp32")


def least(order: Mapping[str, Any]) -> None:
    """What one batch of whole windows costs, and what this machine would need at least."""
    device = {} if order["device"] == "cpu" else {"device": order["device"]}
    made: Any = registry.make("separator", order["separator"], _parameters(order) | device)
    memory.keep()
    with one_thread():
        tell("floor", **floor.of(made, order["batch"] if device else 1, order["device"]))


def _limit(order: Mapping[str, Any]) -> str:
    return f"out of memory ({order['memory']:g} GiB)" if order["device"] == "cpu" else "out of memory"


def _parameters(order: Mapping[str, Any]) -> dict[str, Any]:
    return {**order["weights"], "precision": order["precision"]}


def _stock(order: Mapping[str, Any]) -> tuple[Callable[[Any], Any], int, str]:
    """A package's call, the rate of what it is given, and the version."""
    name, device, path = order["separator"], order["device"], order["weights"]["path"]
    if name == "tdanet":
        return _tdanet(path, device), 16_000, "no package: our network, which gives the authors' samples"
    from sepdiar.networks import torchaudio_cpu

    torchaudio_cpu.importable()
    if name == "sepformer":
        from speechbrain.inference.separation import SepformerSeparation

        made = SepformerSeparation.from_hparams(path, savedir=f"{path}/cache", run_opts={"device": device})
        about = f"speechbrain {version('speechbrain')}"
        return lambda mixture: made.separate_batch(torch.from_numpy(mixture)[None]).cpu(), int(made.hparams.sample_rate), about
    from asteroid import models
    from asteroid.dsp.overlap_add import LambdaOverlapAdd
    from asteroid.separate import separate

    content = torch.load(path, weights_only=True)
    network = getattr(models, content["model_name"])(**content["model_args"])
    network.load_state_dict(content["state_dict"])
    rate = int(network.sample_rate)
    network.to(device).eval()
    if order["way"] != WHOLE:
        network = LambdaOverlapAdd(network, 2, 2 * round(SECONDS * rate / 2)).to(device)
    return lambda mixture: separate(network, mixture[None, None]), rate, f"asteroid {version('asteroid')}"


def _tdanet(path: str, device: str) -> Callable[[Any], Any]:
    from sepdiar.networks import tdanet

    content = torch.load(path, weights_only=True)
    network = tdanet.of(content["state_dict"], content["model_args"]["num_blocks"]).to(device).eval()
    return lambda mixture: network(torch.from_numpy(mixture).to(device)[None]).cpu()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
