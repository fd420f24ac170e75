"""Sortformer: one network says when each of up to four people speaks, in the order in which they are first heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.diarization.activity import loudness_of
from sepdiar.diarization.compact import diarized
from sepdiar.diarization.limits import within_limits
from sepdiar.diarization.turns import sounds, turns_of
from sepdiar.diarization.windows import Activity, Plan
from sepdiar.errors import SepdiarError
from sepdiar.networks.from_nemo import RATE, FromNemo

LOCAL = 4  # speakers that it hears
AHEAD, BEHIND, REMEMBERED = 40, 40, 300  # frames of 80 ms around a part, and after how many its memory of voices is renewed
MARGIN = 4  # frames of 10 ms: features of a part are those of the whole recording that far from its ends
HERE = "diarize.sortformer"


class Sortformer(FromNemo):
    """NVIDIA's Sortformer through NeMo: who speaks when, overlap included; up to four in a stream, or in windows; 16 kHz.

    The model was pulled as `model`, or is the archive `path`. One that was trained for streams hears the recording in parts of
    `part` seconds, each with what it remembers of the voices, at most four; where their number is known, the most heard are
    kept. Any other hears windows of `window` seconds, one every `step`; there the people of different windows, at most `most`,
    are told apart by their voices, which our model `voice` knows. Turns of one less than `pause` seconds apart are one.
    """

    hears_overlap = True

    def __init__(
        self,
        model: str = "sortformer-streaming-4spk-v2",
        path: str = "",
        voice: str = "compact-embedding",
        part: float = 27.2,
        window: float = 90.0,
        step: float = 30.0,
        most: int = 8,
        pause: float = 0.3,
        device: str = "cpu",
    ) -> None:
        from sepdiar.networks import nemo
        from sepdiar.networks.ear import Ear

        limits = {"part": (part, 1, 60), "window": (window, 5, 300), "step": (step, 1, window / 2), "most": (most, 1, 100)}
        within_limits("sortformer", **limits)
        found = nemo.found(model, path)
        self._network = nemo.load(found, "SortformerEncLabelModel", device)
        self._ear, self._device = Ear(voice, device), device
        self.model, self.model_sha256 = f"{found.name}, {voice}", f"{found.sha256} {self._ear.model_sha256}"
        self._features, self._frame = _hops(self._network)
        self._window, self._step = (round(seconds * RATE / self._frame) for seconds in (window, step))
        self._most, self._pause = most, pause
        if self._network.streaming_mode:
            self._listens_in(round(part * RATE / self._frame))

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, 16 kHz); turns may overlap; empty where nobody speaks."""
        from sepdiar.networks.threads import one_thread

        if audio.samples < self._frame:
            return []
        with one_thread():
            if self._network.streaming_mode:
                return self._in_a_stream(audio, speakers or LOCAL)
            frames = -(-audio.samples // self._frame)
            plan = Plan(self._frame, min(self._window, frames), self._step)
            return diarized(audio, plan, self._hears, self._ear, known=speakers or 0, most=self._most, pause=self._pause)

    def _hears(self, places: Sequence[Span], samples: Samples) -> Activity:
        """Who speaks in windows; each is brought to its own level, whatever is heard beside it."""
        import torch

        network = self._network
        frames = len(places[0]) // self._frame
        made = []
        with torch.inference_mode():
            for one in torch.from_numpy(samples).to(self._device)[:, None]:
                made.append(network(audio_signal=one, audio_signal_length=torch.tensor([one.shape[1]]))[0].cpu().numpy())
        return np.stack([_fitted(activity, frames) for activity in made])

    def _in_a_stream(self, audio: Audio, speakers: int) -> list[Turn]:
        if speakers > LOCAL:
            raise SepdiarError("SD202", f"{self.model} hears at most {LOCAL} speakers, not {speakers}", where=f"{HERE}.model")
        probability = np.concatenate(list(self._streamed(audio)))
        kept = np.sort(np.argsort(-probability.sum(0), kind="stable")[:speakers])
        chosen = _fitted(probability[:, kept], -(-audio.samples // self._frame))
        return turns_of(chosen, self._frame, audio.samples, sounds(loudness_of(audio)), self._pause)

    def _streamed(self, audio: Audio) -> Iterator[Activity]:
        """The probability of each speaker, part by part; what is held of a recording is one part and the network's memory."""
        import torch

        network, modules = self._network, self._network.sortformer_modules
        each, ahead, back = (
            count * modules.subsampling_factor
            for count in (modules.chunk_len, modules.chunk_right_context, modules.chunk_left_context)
        )
        whole = int(network.preprocessor.featurizer.get_seq_len(torch.tensor(audio.samples)))
        nothing = torch.zeros((1, 0, modules.n_spk), device=self._device)
        with torch.inference_mode():
            state = modules.init_streaming_state(batch_size=1, async_streaming=False, device=self._device)
            for first in range(0, whole, each):
                last = min(first + each, whole)
                before, after = min(back, first), min(ahead, whole - last)
                heard = self._heard(audio, Span(first - before, last + after))
                length = torch.tensor([heard.shape[1]], device=self._device)
                state, made = network.forward_streaming_step(heard, length, state, nothing, 0, before, after)
                yield made[0].float().cpu().numpy()

    def _heard(self, audio: Audio, frames: Span) -> Any:
        """The features of some frames of a recording, (1, frames, bands)."""
        import torch

        first = max(frames.start - MARGIN, 0)
        span = Span(first * self._features, min((frames.end + MARGIN) * self._features, audio.samples))
        samples = torch.from_numpy(audio.read(span)[:, 0])[None].to(self._device)
        features, _ = self._network.preprocessor(input_signal=samples, length=torch.tensor([len(span)], device=self._device))
        return features[:, :, frames.start - first : frames.end - first].transpose(1, 2)

    def _listens_in(self, part: int) -> None:
        """The parts in which it hears a recording, by what its authors advise where nobody waits for the answer."""
        modules = self._network.sortformer_modules
        if self._network.preprocessor.featurizer.normalize in ("per_feature", "all_features"):
            raise SepdiarError("SD251", "its features are of a whole recording, and no stream has that", where=self.model)
        modules.chunk_len, modules.chunk_right_context = part, AHEAD
        modules.fifo_len, modules.spkcache_update_period = BEHIND, REMEMBERED


def _hops(network: Any) -> tuple[int, int]:
    """How many samples there are to a feature, and to a frame of who is heard."""
    feature = int(network.preprocessor.featurizer.hop_length)
    return feature, feature * int(network.encoder.subsampling_factor)


def _fitted(activity: Activity, frames: int) -> Activity:
    """As many frames as there must be: the network may give one more or one less."""
    return np.pad(activity, ((0, max(frames - len(activity), 0)), (0, 0)), mode="edge")[:frames]
