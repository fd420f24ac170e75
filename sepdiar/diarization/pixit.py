"""PixIT: one network that hears up to three people in 5 s, says who of them speaks when, and what each says."""

from __future__ import annotations

from collections.abc import Sequence
from os import devnull
from pathlib import Path

import numpy as np

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Turn
from sepdiar.diarization.joint import Sourced, heard_at_once
from sepdiar.diarization.limits import within_limits
from sepdiar.diarization.windows import Activity, Plan

RATE = 16_000
STEP = 1.25  # seconds from one window to the next


class PixIt:
    """pyannote's joint diarization and separation (ToTaToNet): who speaks when and what each says, of up to three in 5 s, 16 kHz.

    The model was pulled as `model`, or is the checkpoint `path`, a file or a folder with it. The people of different windows are
    told apart by their voices, which our model `voice` knows; with `most`, `pause` and `step` as for `compact`.
    """

    rate = RATE
    # asteroid itself asks for an old torchmetrics that pyannote.audio refuses, and does not need it to separate
    needs = ("pyannote.audio", "asteroid", "asteroid_filterbanks", "transformers", "torchaudio", "huggingface_hub", "requests")
    mend = "pip install 'sepdiar[pixit]' && pip install --no-deps asteroid==0.7.0"
    hears_overlap = True

    def __init__(
        self,
        model: str = "pixit-ami",
        path: str = "",
        voice: str = "compact-embedding",
        pause: float = 0.3,
        most: int = 8,
        step: float = STEP,
        device: str = "cpu",
    ) -> None:
        from sepdiar.models.published import in_folder, pulled
        from sepdiar.networks import totatonet
        from sepdiar.networks.ear import Ear
        from sepdiar.networks.pyannote import CHECKPOINT

        within_limits("pixit", most=(most, 1, 100), step=(step, 0.5, totatonet.WINDOW / 2))
        found = in_folder(path, (CHECKPOINT,)) if path else pulled(model, (CHECKPOINT,))
        self._network = totatonet.load(found.files[CHECKPOINT]).to(device)
        self._ear, self._device, self._pause, self._most = Ear(voice, device), device, pause, most
        self.model, self.model_sha256 = f"{found.name}, {voice}", f"{found.sha256} {self._ear.model_sha256}"
        hop = totatonet.hop(self._network)
        self._plan = Plan(hop, round(totatonet.WINDOW * RATE / hop), round(step * RATE / hop))

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, 16 kHz); turns may overlap; empty where nobody speaks."""
        return self.hear(audio, speakers, Path(devnull))[0]

    def hear(self, audio: Audio, speakers: int | None, kept: Path) -> tuple[Sequence[Turn], Sourced]:
        """The turns, and what knows each speaker's source: from one pass.

        The sources are kept in the file `kept`, about 0.8 GB for an hour.
        """
        from sepdiar.networks.threads import one_thread

        with one_thread():
            return heard_at_once(
                audio, self._plan, self._both, self._ear, kept, known=speakers or 0, most=self._most, pause=self._pause
            )

    def _both(self, samples: Samples) -> tuple[Activity, Samples]:
        """On the CPU one window after the other: it takes no longer there."""
        import torch

        with torch.inference_mode():
            heard = torch.from_numpy(samples)[:, None].to(self._device)
            size = 1 if self._device == "cpu" else len(heard)
            some = (heard[start : start + size] for start in range(0, len(heard), size))
            made = [tuple(part.float().cpu().numpy() for part in self._network(one)) for one in some]
        activity, sources = (np.concatenate(parts) for parts in zip(*made, strict=True))
        missing = self._plan.length - activity.shape[1]  # the last frame is not whole, and is not given
        return np.pad(activity, ((0, 0), (0, missing), (0, 0)), mode="edge"), sources.transpose(0, 2, 1)
