"""NeMo's diarizer and recognisers with random networks of the published sizes, and its own calls for a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import soundfile

from sepdiar.evaluation.backends.same import Answer

FAST = {"layers": 17, "width": 512, "channels": 256, "heads": 8, "bands": 128}  # FastConformer, large
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "sortformer": {**FAST, "narrow": 192, "deep": 18},  # diar_streaming_sortformer_4spk-v2
    "parakeet": {**FAST, "layers": 24, "width": 1024, "narrow": 640, "deep": 2, "pieces": 1024},  # parakeet-tdt-0.6b-v2
    "canary": {**FAST, "narrow": 1024, "deep": 4, "pieces": 4096},  # canary-180m-flash
}
CLASSES = {"sortformer": "SortformerEncLabelModel", "parakeet": "EncDecRNNTBPEModel", "canary": "EncDecMultiTaskModel"}
STREAM = {"chunk_len": 340, "chunk_right_context": 40, "fifo_len": 40, "spkcache_update_period": 300}  # as ours hears it
SURE = 4.0  # how far apart the random network's scores are


def publish(name: str, folder: Path, shape: Mapping[str, Any], heard: Path) -> dict[str, Any]:
    """Write the archive of a network, whose mind changes with what it hears, and return what makes the backend of it."""
    from sepdiar.evaluation.backends import nemo_networks
    from sepdiar.networks import nemo

    nemo.importable()
    if name == "nemo-clustering":
        return _chain(folder, shape)
    asked = {**SHAPES[name], **shape}
    samples = soundfile.read(heard, dtype="float32")[0]
    with nemo.undisturbed():
        if name == "sortformer":
            network = nemo_networks.sortformer(asked)
            _undecided(network, samples)
        elif name == "parakeet":
            network = nemo_networks.parakeet(asked, folder)
            _talkative(network, samples)
        else:
            network = nemo_networks.canary(asked, folder)
        return {"path": nemo_networks.saved(network, folder / f"{name}-random.nemo")}


def prepare(backend: Any) -> None:
    """A random network may hear speech nowhere: let the chain take everything for it."""
    if hasattr(backend, "_speech"):
        backend._speech.on = backend._speech.off = 0.0


def theirs(name: str, parameters: Mapping[str, Any], device: str, threads: int) -> Callable[[Path], Answer]:
    """`diarize` or `transcribe` of the package's model with a file."""
    from sepdiar.networks import nemo

    network = nemo.load(nemo.found("", parameters["path"]), CLASSES[name], device)
    _read_as_in_training(network)
    if name == "sortformer":
        for key, value in STREAM.items():
            setattr(network.sortformer_modules, key, value)

    def diarize(file: Path) -> Answer:
        with nemo.undisturbed():
            (said,) = network.diarize(audio=[str(file)], batch_size=1, verbose=False)
        return [[who, float(start), float(end)] for start, end, who in (turn.split() for turn in said)]

    def transcribe(file: Path) -> Answer:
        more = {"source_lang": "en", "target_lang": "en", "pnc": "yes"} if name == "canary" else {}
        with nemo.undisturbed():
            (said,) = network.transcribe([str(file)], batch_size=1, timestamps=True, verbose=False, **more)
        return [text for stamp in said.timestamp["word"] if any(map(str.isalnum, text := stamp["word"].strip()))]

    return diarize if name == "sortformer" else transcribe


def _chain(folder: Path, shape: Mapping[str, Any]) -> dict[str, Any]:
    from sepdiar.evaluation.backends import nemo_chain, nemo_networks
    from sepdiar.networks import nemo

    asked = {**nemo_chain.SHAPE, **shape}
    with nemo.undisturbed():
        vad = nemo_networks.saved(nemo_chain.marblenet(asked), folder / "marblenet-random.nemo")
        return {"vad": vad, "voice": nemo_networks.saved(nemo_chain.titanet(asked), folder / "titanet-random.nemo")}


def _read_as_in_training(network: Any) -> None:
    """The package reads a file by what an archive says of its training, which ours leaves out."""
    from omegaconf import open_dict

    with open_dict(network.cfg):
        network.cfg.validation_ds = {"use_start_end_token": False}


def _undecided(network: Any, samples: Any) -> None:
    """Let each speaker be heard about half the time."""
    import torch

    with torch.inference_mode():
        scores = torch.logit(network(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))[0]).clone()
    last = network.sortformer_modules.single_hidden_to_spks
    with torch.no_grad():
        gain = SURE / scores.std(0).mean().clamp(min=1e-6)
        last.weight *= gain
        last.bias.copy_(gain * (last.bias - scores.median(0).values))


def _talkative(network: Any, samples: Any) -> None:
    """Let what is written depend on what is heard."""
    import torch

    with torch.no_grad():
        given = {"input_signal": torch.from_numpy(samples)[None], "input_signal_length": torch.tensor([len(samples)])}
        heard = network.joint.enc(network(**given)[0][0].T)
        gain = 3 / heard.std(0).mean()
        network.joint.enc.weight *= gain
        network.joint.enc.bias.copy_(gain * (network.joint.enc.bias - heard.mean(0)))
        network.joint.joint_net[-1].weight *= 6
