"""Hears whose voice a source has, by our own model of voices."""

from __future__ import annotations

import torch

from sepdiar.audio.source import Samples
from sepdiar.networks import weights
from sepdiar.networks.threads import one_thread


class Ear:
    """The vector of a voice; SD251 where the model is not there."""

    def __init__(self, model: str, device: str = "cpu") -> None:
        found = weights.find(model)
        self.model, self.model_sha256, self._device = found.name, found.sha256, device
        self._network = weights.load(found, device)

    def __call__(self, samples: Samples, keep: Samples) -> Samples:
        """A vector of length 1, from 16 kHz samples; `keep` is 1 where to listen and 0 elsewhere."""
        with one_thread(), torch.inference_mode():
            row, kept = (torch.from_numpy(values)[None].to(self._device) for values in (samples, keep))
            vector: Samples = self._network(row, kept)[0].cpu().numpy()
        return vector
