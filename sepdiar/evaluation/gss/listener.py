"""One voice out of the recording of an array, by the modules of NeMo, which need no training."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sepdiar.audio.source import Samples
from sepdiar.conversation import Span
from sepdiar.networks import nemo
from sepdiar.networks.devices import present

FRAME = 0.064  # seconds of a spectrum, four hops
ROUNDS = 20  # of the mixture model
TAPS, DELAY, REPEATS = 10, 2, 3  # of the prediction of echoes, in frames
BAND = 64  # frequencies at a time: they know nothing of each other until the beamformer
MODULES = "nemo.collections.audio.modules"


class Listener:
    """NeMo's modules, for one rate."""

    def __init__(self, rate: int, dereverberate: bool, device: str) -> None:
        if device != "cpu":
            present(device)
        nemo.importable()
        masking, transforms = (importlib.import_module(f"{MODULES}.{name}") for name in ("masking", "transforms"))
        self.hop = round(FRAME * rate / 4)
        sizes = {"fft_length": 4 * self.hop, "hop_length": self.hop}
        self._device = torch.device(device)
        self._analysis = transforms.AudioToSpectrogram(**sizes).to(device)
        self._synthesis = transforms.SpectrogramToAudio(**sizes).to(device)
        self._masks = masking.MaskEstimatorGSS(num_iterations=ROUNDS)
        self._dry = masking.MaskBasedDereverbWPE(TAPS, DELAY, REPEATS) if dereverberate else None
        self._beam = masking.MaskBasedBeamformer(ref_channel="max_snr", filter_postfilter="ban")

    def __call__(self, frames: Samples, heard: Span, wanted: Span, speakers: Sequence[Sequence[Span]]) -> Samples:
        """What the first of the speakers says in the span that is wanted, out of all that is heard."""
        hop = self.hop
        whole = np.pad(frames, ((0, -len(frames) % hop), (0, 0)))
        with torch.inference_mode():
            spectrum, _ = self._analysis(input=torch.from_numpy(np.ascontiguousarray(whole.T))[None].to(self._device))
            active = torch.from_numpy(activity(speakers, heard, hop, spectrum.shape[-1]))[None].to(self._device)
            first = max(0, (wanted.start - heard.start) // hop - 4)
            last = min(spectrum.shape[-1], -(-(wanted.end - heard.start) // hop) + 5)
            kept, masks = zip(*(self._masked(band, active, first, last) for band in spectrum.split(BAND, dim=2)), strict=True)
            clear, mask = torch.cat(kept, dim=2), torch.cat(masks, dim=2)
            voice, _ = self._beam(input=clear, mask=mask[:, :1], mask_undesired=mask[:, 1:].sum(dim=1, keepdim=True))
            made, _ = self._synthesis(input=voice)
        begin = wanted.start - heard.start - first * hop
        samples: Samples = made[0, 0, begin : begin + len(wanted)].cpu().numpy().astype(np.float32)
        return samples

    def _masked(self, band: Any, active: Any, first: int, last: int) -> tuple[Any, Any]:
        """Some frequencies without their echoes, and the share of each speaker and the noise in them."""
        clear = self._dry(input=band)[0] if self._dry else band
        return clear[..., first:last], self._masks(input=clear, activity=active)[..., first:last].float()


def activity(speakers: Iterable[Sequence[Span]], heard: Span, hop: int, frames: int) -> NDArray[np.float64]:
    """Who may be heard in each frame, a row a speaker, and a last one for the noise, which always is.

    Frame n lies around sample n * hop of `heard`, two hops to each side.

    >>> activity([[Span(8, 9)]], Span(0, 20), hop=4, frames=6)
    array([[0., 1., 1., 1., 1., 0.],
           [1., 1., 1., 1., 1., 1.]])
    """
    middles = heard.start + hop * np.arange(frames)
    rows = []
    for spans in speakers:
        row = np.zeros(frames)
        for span in spans:
            row[(middles > span.start - 2 * hop) & (middles < span.end + 2 * hop)] = 1.0
        rows.append(row)
    return np.stack([*rows, np.ones(frames)])
