"""ToTaToNet, the network that diarizes and separates at once, from a checkpoint and without asking a hub for its first half.

The package's class would fetch WavLM before it reads a checkpoint that holds its weights anyway. Here an empty one is made, of
the shape that the weights have.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sepdiar.errors import SepdiarError
from sepdiar.networks import pyannote

if TYPE_CHECKING:
    from torch import Tensor, nn

WINDOW = 5.0  # seconds that it hears at once
PARTS = ("encoder_decoder", "linear", "diar", "dprnn")
WAVLM = "wavlm."
REDUCED = 320  # samples of a frame of WavLM's


def load(path: Path) -> nn.Module:
    """The network of a checkpoint; SD251 where it cannot be made of it.

    It makes of (batch, 1, samples) who is heard in each frame, (batch, frames, sources), and (batch, samples, sources).
    """
    tensors, arguments = pyannote.saved(path)
    try:
        return _made(tensors, arguments)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        what = f"no ToTaToNet can be made of it: {str(error).partition(chr(10))[0]}"
        raise SepdiarError("SD251", what, where=str(path), hint="sepdiar models list") from error


def hop(network: Any) -> int:
    """How many samples there are to a frame of who is heard."""
    return int(network.diarization_scaling * network.hparams.encoder_decoder["stride"])


def _made(tensors: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> nn.Module:
    pyannote.importable()
    from pyannote.audio.models.separation.ToTaToNet import ToTaToNet

    sources = tensors["masker.first_out.1.weight"].shape[0] // tensors["masker.first_out.1.weight"].shape[1]
    given = {part: arguments[part] for part in PARTS if part in arguments}
    network = ToTaToNet(**given, sample_rate=arguments.get("sample_rate", 16_000), n_sources=sources, use_wavlm=False)
    if any(name.startswith(WAVLM) for name in tensors):
        _add_wavlm(network, sources, {name.removeprefix(WAVLM): value for name, value in tensors.items() if WAVLM in name})
    diarization = pyannote.task("MULTI_LABEL_CLASSIFICATION", sources, WINDOW)
    separation = pyannote.task("MONO_LABEL_CLASSIFICATION", sources, WINDOW)
    return pyannote.filled(network, (diarization, separation), tensors)


def _add_wavlm(network: Any, sources: int, tensors: Mapping[str, Tensor]) -> None:
    """What the class does where it fetches WavLM, with an empty one."""
    from asteroid.masknn import DPRNN
    from transformers import WavLMModel

    filters, stride = (network.hparams.encoder_decoder[name] for name in ("n_filters", "stride"))
    network.wavlm = WavLMModel(_shape(tensors))
    network.use_wavlm, network.wavlm_scaling = True, REDUCED // stride
    width = network.wavlm.config.hidden_size
    network.masker = DPRNN(filters + width, out_chan=filters, n_src=sources, **network.hparams.dprnn)


def _shape(tensors: Mapping[str, Tensor]) -> Any:
    """The shape of WavLM as its weights have it; what they do not tell is as in the large one."""
    from transformers import WavLMConfig

    layers = sum(name.endswith(".feed_forward.intermediate_dense.weight") for name in tensors)
    convolutions = [tensors[f"feature_extractor.conv_layers.{number}.conv.weight"].shape for number in range(7)]
    buckets, heads = tensors["encoder.layers.0.attention.rel_attn_embed.weight"].shape
    inner, width = tensors["encoder.layers.0.feed_forward.intermediate_dense.weight"].shape
    return WavLMConfig(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_buckets=buckets,
        conv_dim=tuple(shape[0] for shape in convolutions),
        conv_kernel=tuple(shape[2] for shape in convolutions),
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )
