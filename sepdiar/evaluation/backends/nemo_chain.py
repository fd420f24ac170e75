"""The two networks of NeMo's classic chain with random weights, of the published sizes or of smaller ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sepdiar.evaluation.backends.nemo_networks import ASR, COMMON, made

Layer = Mapping[str, Any]
SHAPE: Mapping[str, Any] = {  # filters, kernel, repeats of each layer but the last
    "bands": 80,
    "marblenet": ((128, 11, 1), (64, 13, 2), (64, 15, 2), (64, 17, 2), (128, 29, 1), (128, 1, 1)),
    "titanet": ((1024, 3, 1), (1024, 7, 3), (1024, 11, 3), (1024, 15, 3), (3072, 1, 1)),
    "vector": 192,
    "classes": 16_681,
}


def marblenet(shape: Mapping[str, Any]) -> Any:
    """What hears speech, 20 ms a frame."""
    layers = [_layer(one, stride=1 if place else 2) for place, one in enumerate(shape["marblenet"])]
    perceptron = f"{COMMON}.parts.MultiLayerPerceptron"
    last = {"hidden_size": layers[-1]["filters"], "num_classes": 2, "num_layers": 1, "log_softmax": False}
    settings = {"labels": ["0", "1"], "preprocessor": _features(shape, "None"), "encoder": _encoder(shape, layers)}
    return made("EncDecFrameClassificationModel", {**settings, "decoder": {"_target_": perceptron, **last}})


def titanet(shape: Mapping[str, Any]) -> Any:
    """What makes a vector of a voice."""
    layers = [_layer(one, squeezed=True) for one in shape["titanet"]]
    about = {"pool_mode": "attention", "angular": True, "emb_sizes": shape["vector"], "num_classes": shape["classes"]}
    settings = {
        "preprocessor": _features(shape, "per_feature"),
        "encoder": _encoder(shape, layers),
        "decoder": {"_target_": f"{ASR}.modules.SpeakerDecoder", "feat_in": layers[-1]["filters"], **about},
        "loss": {"_target_": f"{ASR}.losses.angularloss.AngularSoftmaxLoss", "scale": 30, "margin": 0.2},
    }
    return made("EncDecSpeakerLabelModel", settings)


def _layer(size: Sequence[int], stride: int = 1, squeezed: bool = False) -> Layer:
    filters, kernel, repeat = size
    about = {"filters": filters, "kernel": [kernel], "repeat": repeat, "stride": [stride], "dilation": [1], "dropout": 0.0}
    squeeze = {"se": True, "se_context_size": -1} if squeezed else {}
    return {**about, "residual": repeat > 1, "separable": True, **squeeze}


def _features(shape: Mapping[str, Any], normalize: str) -> Layer:
    about = {"sample_rate": 16_000, "window_size": 0.025, "window_stride": 0.01, "n_fft": 512, "features": shape["bands"]}
    return {"_target_": f"{ASR}.modules.AudioToMelSpectrogramPreprocessor", **about, "normalize": normalize}


def _encoder(shape: Mapping[str, Any], layers: Sequence[Layer]) -> Layer:
    about = {"feat_in": shape["bands"], "activation": "relu", "conv_mask": True}
    return {"_target_": f"{ASR}.modules.ConvASREncoder", **about, "jasper": [dict(layer) for layer in layers]}
