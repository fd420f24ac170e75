"""Every separator with random weights of its published shape, in the files in which its home publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sepdiar.errors import SepdiarError
from sepdiar.evaluation import mossformer2_package
from sepdiar.evaluation.tdanet import random
from sepdiar.separation import mossformer2, tdanet

Shape = Mapping[str, Any]
TDANET = {"outer": 128, "width": 512, "depth": 5, "kernel": 64, "passes": 16}
MOSSFORMER2 = {"width": 512, "depth": 24, "kernel": 16}
SEPFORMER = {"width": 256, "inner": 1024, "heads": 8, "layers": 8, "repeats": 2, "chunk": 250, "rate": 16_000}
ASTEROID: Mapping[str, tuple[str, Shape]] = {  # the class, and what the public checkpoints give it or the class takes by itself
    "convtasnet": ("ConvTasNet", {"n_src": 2, "kernel_size": 32, "stride": 16, "sample_rate": 16_000}),
    "dprnn": ("DPRNNTasNet", {"n_src": 2, "kernel_size": 2, "stride": 1, "chunk_size": 250, "sample_rate": 8_000}),
    "dptnet": ("DPTNet", {"n_src": 2, "sample_rate": 8_000}),
    "sudormrf": ("SuDORMRFNet", {"n_src": 2, "sample_rate": 8_000}),
}
SETTINGS = """sample_rate: {rate}
num_spks: 2
encoder: !new:speechbrain.lobes.models.dual_path.Encoder
  kernel_size: 16
  out_channels: {width}
intra: !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
  num_layers: {layers}
  d_model: {width}
  nhead: {heads}
  d_ffn: {inner}
  dropout: 0
  use_positional_encoding: true
  norm_before: true
inter: !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
  num_layers: {layers}
  d_model: {width}
  nhead: {heads}
  d_ffn: {inner}
  dropout: 0
  use_positional_encoding: true
  norm_before: true
masknet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
  num_spks: 2
  in_channels: {width}
  out_channels: {width}
  num_layers: {repeats}
  K: {chunk}
  intra_model: !ref <intra>
  inter_model: !ref <inter>
  norm: ln
  linear_layer_after_inter_intra: false
  skip_around_intra: true
decoder: !new:speechbrain.lobes.models.dual_path.Decoder
  in_channels: {width}
  out_channels: 1
  kernel_size: 16
  stride: 8
  bias: false
modules:
  encoder: !ref <encoder>
  masknet: !ref <masknet>
  decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    encoder: !ref <encoder>
    masknet: !ref <masknet>
    decoder: !ref <decoder>
"""
NAMES = ("compact", *ASTEROID, "mossformer2", "sepformer", "tdanet")


def publish(name: str, folder: Path, shape: Shape | None = None) -> dict[str, Any]:
    """Write the files of a separator's network into `folder`, and return the parameters with which the backend takes them.

    `shape` is in place of the published one. Ours comes with its weights, and nothing is written.
    """
    torch.manual_seed(0)
    if name == "compact":
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    if name == "sepformer":
        _sepformer(SEPFORMER | dict(shape or {}), folder)
        return {"path": str(folder)}
    if name == "mossformer2":
        path = folder / mossformer2.CHECKPOINT
        torch.save({"model": _mossformer2(MOSSFORMER2 | dict(shape or {}))}, path)
    else:
        path = folder / tdanet.CHECKPOINT
        torch.save(_tdanet(TDANET | dict(shape or {})) if name == "tdanet" else _asteroid(name, shape or {}), path)
    return {"path": str(path)}


def _tdanet(shape: Shape) -> dict[str, Any]:
    from sepdiar.networks.tdanet import Tdanet

    about = {"model_name": "TDANetBest", "model_args": {"num_blocks": shape["passes"], "sample_rate": 16_000}}
    return about | {"state_dict": random(Tdanet(**shape).state_dict())}


def _mossformer2(shape: Shape) -> dict[str, Any]:
    from sepdiar.networks.mossformer2 import Mossformer2

    state = Mossformer2(**shape).state_dict()
    learned = {name: value.shape for name, value in state.items() if not mossformer2_package.computed(name)}
    return state | mossformer2_package.draw(learned)


def _asteroid(name: str, shape: Shape) -> dict[str, Any]:
    _importable(name, "asteroid", "pip install 'sepdiar[asteroid]' && pip install --no-deps asteroid==0.7.0")
    from asteroid import models

    kind, given = ASTEROID[name][0], {**ASTEROID[name][1], **shape}
    return {"model_name": kind, "model_args": given, "state_dict": getattr(models, kind)(**given).state_dict()}


def _sepformer(shape: Shape, folder: Path) -> None:
    _importable("sepformer", "speechbrain", "pip install 'sepdiar[speechbrain]'")
    from sepdiar.separation import sepformer
    from sepdiar.separation.hyperparams import read

    text = SETTINGS.format(**shape)
    (folder / sepformer.SETTINGS).write_text(text, encoding="utf-8")
    described = read(text, sepformer.SETTINGS)["modules"]
    for part in sepformer.PARTS:
        torch.save(sepformer.made(described[part], sepformer.SETTINGS).state_dict(), folder / f"{part}.ckpt")


def _importable(name: str, package: str, mend: str) -> None:
    from sepdiar.networks import torchaudio_cpu

    try:
        torchaudio_cpu.importable()
        __import__(package)
    except ImportError as error:
        raise SepdiarError("SD250", f"{name} needs {package}", hint=mend) from error
