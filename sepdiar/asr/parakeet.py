"""Parakeet TDT through NeMo: a transducer that says with each piece of a word how long it lasts, so that times come for free."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import TYPE_CHECKING, Any

from sepdiar.asr.nemo import NemoRecognizer, words
from sepdiar.conversation import Word

if TYPE_CHECKING:
    from torch import Tensor

SURE = {"preserve_token_confidence": True, "method_cfg": {"name": "max_prob"}}


class Parakeet(NemoRecognizer):
    """Parakeet TDT by NVIDIA: 0.6b-v3 in 25 European languages, 0.6b-v2 in English; words with times, case and punctuation."""

    def __init__(self, model: str = "parakeet-tdt-0.6b-v3", path: str = "", batch: int = 8, device: str = "cpu") -> None:
        """`model` was pulled under this name; `path` is an archive of NeMo's instead. `batch` packs of 28 s are heard at once."""
        from sepdiar.networks import nemo

        found = nemo.found(model, path)
        network = nemo.load(found, "EncDecRNNTBPEModel", device)
        super().__init__(found, network, batch, "transcribe.parakeet", device)
        asked = {"strategy": "greedy_batch", "compute_timestamps": True, "confidence_cfg": SURE}
        network.change_decoding_strategy(nemo.settings(network.cfg.decoding, asked), verbose=False)

    def decoded(self, samples: Tensor, lengths: Tensor) -> list[list[Word]]:
        """The words in each row."""
        from nemo.collections.asr.parts.utils.timestamp_utils import process_timestamp_outputs

        network = self._network
        encoded, frames = network(input_signal=samples, input_signal_length=lengths)
        heard = network.decoding.rnnt_decoder_predictions_tensor(encoded, frames, return_hypotheses=True)
        told = process_timestamp_outputs(heard, network.encoder.subsampling_factor)
        return [words(one.timestamp["word"], list(_sure(one))) for one in told]


def _sure(heard: Any) -> Iterator[float | None]:
    """How sure the network is of each word: the mean of the pieces that begin in it."""
    begins = [piece["start_offset"] for piece in heard.timestamp["char"]]
    pieces = list(zip(begins, heard.token_confidence, strict=False))
    for word in heard.timestamp["word"]:
        end = max(word["end_offset"], word["start_offset"] + 1)
        inside = [float(sure) for begin, sure in pieces if word["start_offset"] <= begin < end]
        yield fmean(inside) if inside else None
