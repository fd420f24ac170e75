"""pyannote's pipelines with random networks of the published size, and its own call for a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sepdiar.evaluation.backends.same import Answer

HEARING = {"lstm": {"hidden_size": 128, "num_layers": 4, "bidirectional": True}, "linear": {"hidden_size": 128, "num_layers": 2}}
VOICE = {"num_mel_bins": 80}
VECTOR, LATENT = 256, 128  # how long a voice's vector is, and what PLDA makes of it
SHARP, ALIKE = 6.0, 0.99  # how sure the random network is, and how much of a voice is what all voices share
SETTINGS = """
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: {clustering}
    segmentation: $model/segmentation
    segmentation_batch_size: 32
    embedding: $model/embedding
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering: {tuned}
  segmentation: {{min_duration_off: 0.0}}
"""
PIPELINES: Mapping[str, tuple[str, Mapping[str, Any]]] = {  # what clusters, and its parameters as published
    "pyannote-community-1": ("VBxClustering", {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8}),
    "pyannote-3.1": ("AgglomerativeClustering", {"method": "centroid", "min_cluster_size": 12, "threshold": 0.7045654963945799}),
}


def publish(name: str, folder: Path, shape: Mapping[str, Any], heard: Path) -> dict[str, Any]:
    """Write the files of a pipeline, whose mind changes with what it hears, and return what makes the backend of them.

    `shape` has `lstm` and `linear`, and `num_mel_bins`, in place of the published ones; `heard` is a file of some seconds.
    """
    import torch

    from sepdiar.networks import pyannote

    pyannote.importable()
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(0)
    samples = torch.from_numpy(soundfile.read(heard, dtype="float32")[0])[None, None]
    hearing = PyanNet(**{key: {**value, **shape.get(key, {})} for key, value in HEARING.items()})
    hearing.specifications = pyannote.task("MONO_LABEL_CLASSIFICATION", 3, 10.0, 2)
    hearing.build()
    with torch.no_grad():
        scores = hearing.eval()(samples)
        gain = SHARP / scores.std(dim=1).mean()
        hearing.classifier.weight *= gain
        hearing.classifier.bias.copy_(gain * (hearing.classifier.bias - scores.median(dim=1).values[0]))
    voice = WeSpeakerResNet34(num_mel_bins=shape.get("num_mel_bins", VOICE["num_mel_bins"])).eval()
    voice.specifications = pyannote.task("REPRESENTATION", 1, 5.0)
    with torch.no_grad():
        voice.resnet.seg_1.bias -= ALIKE * voice(samples)[0]
    _saved(hearing, folder / "segmentation", pyannote.CHECKPOINT)
    _saved(voice, folder / "embedding", pyannote.CHECKPOINT)
    _plda(folder / "plda")
    clustering, tuned = PIPELINES[name]
    (folder / "config.yaml").write_text(SETTINGS.format(clustering=clustering, tuned=dict(tuned)))
    return {"path": str(folder)}


def theirs(name: str, parameters: Mapping[str, Any], device: str, threads: int) -> Callable[[Path], Answer]:
    """The pipeline of the package, given a file."""
    import torch

    from sepdiar.networks import pyannote

    pyannote.importable()
    from pyannote.audio import Pipeline

    pipeline: Any = Pipeline.from_pretrained(Path(parameters["path"])).to(torch.device(device))

    def call(file: Path) -> Answer:
        said, end = pipeline(file).speaker_diarization, soundfile.info(file).duration
        parts = ((who, part) for part, _, who in said.itertracks(yield_label=True))  # of a last window, also behind the end
        return [[who, part.start, min(part.end, end)] for who, part in parts if part.start < end]

    return call


def _saved(network: Any, folder: Path, name: str) -> None:
    import torch

    folder.mkdir()
    more = {"pytorch-lightning_version": "2.1.1", "hyper_parameters": dict(network.hparams), "optimizer_states": []}
    checkpoint: dict[str, Any] = {"state_dict": network.state_dict(), **more}
    network.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / name)


def _plda(folder: Path) -> None:
    draw = np.random.default_rng(0)
    folder.mkdir()
    means: dict[str, Any] = {"mean1": draw.normal(0, 1e-3, VECTOR), "mean2": draw.normal(0, 0.1, LATENT)}
    np.savez(folder / "xvec_transform.npz", **means, lda=draw.normal(0, 1, (VECTOR, LATENT)))
    parts: dict[str, Any] = {
        "mu": draw.normal(0, 0.1, LATENT),
        "tr": draw.normal(0, 1, (LATENT, LATENT)),
        "psi": draw.uniform(0.1, 9, LATENT),
    }
    np.savez(folder / "plda.npz", **parts)
