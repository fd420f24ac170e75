"""Attractors: one network says how many speak in half a minute, and when each does; voices link the half minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.diarization.compact import diarized
from sepdiar.diarization.limits import within_limits
from sepdiar.diarization.windows import Activity, Plan
from sepdiar.errors import SepdiarError

if TYPE_CHECKING:
    from sepdiar.networks.eend import Eend

RATE = 16_000
LOCAL = 4  # speakers of a window that can be linked
FILE = "weights.safetensors"
TRAIN = "python -m sepdiar.training eend models/eend-eda/train.toml --data SPEECH --out RUN"


class EendEda:
    """End-to-end diarization with encoder-decoder attractors (EEND-EDA): overlap included, any number of speakers.

    No weights come with sepdiar. They are those of `path`, a file that our trainer wrote (or a folder with weights.safetensors
    in it), or of the model called `model`. The network hears windows of `window` seconds, one every `step`; in each at most
    `local` people. The people of different windows are told apart by their voices, which the model `voice` knows, at most `most`
    of them; turns of one less than `pause` seconds apart are one. A short recording is one window.
    """

    rate = RATE
    needs = ("torch", "safetensors")
    hears_overlap = True

    def __init__(
        self,
        model: str = "eend-eda",
        path: str = "",
        voice: str = "compact-embedding",
        window: float = 30.0,
        step: float = 10.0,
        local: int = LOCAL,
        most: int = 8,
        pause: float = 0.3,
        device: str = "cpu",
    ) -> None:
        from sepdiar.networks.devices import present
        from sepdiar.networks.ear import Ear

        limits = {"window": (window, 5, 60), "step": (step, 1, window / 2), "local": (local, 1, LOCAL), "most": (most, 1, 100)}
        within_limits("eend-eda", **limits)
        self._network, name, sha256 = _named(model, path)
        self._network = self._network.to(present(device))
        self._ear, self._device = Ear(voice, device), device
        self.model, self.model_sha256 = f"{name}, {voice}", f"{sha256} {self._ear.model_sha256}"
        self._window, self._step = (round(seconds * RATE / self._network.hop) for seconds in (window, step))
        self._local, self._most, self._pause = local, most, pause

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, 16 kHz); turns may overlap; empty where nobody speaks.

        Where the number of speakers is known, no window has more.
        """
        from sepdiar.networks.threads import one_thread

        hop, local = self._network.hop, min(self._local, speakers or self._local)
        plan = Plan(hop, min(self._window, max(1, -(-audio.samples // hop))), self._step)

        def hears(_: Sequence[Span], samples: Samples) -> Activity:
            return self._hears(samples, local)

        with one_thread():
            return diarized(audio, plan, hears, self._ear, known=speakers or 0, most=self._most, pause=self._pause)

    def _hears(self, samples: Samples, local: int) -> Activity:
        """How likely each of `local` people speaks, (windows, steps, local)."""
        import torch

        from sepdiar.networks.eend import activity

        with torch.inference_mode():
            heard: Activity = activity(self._network, torch.from_numpy(samples).to(self._device), local).cpu().numpy()
        return heard


def _named(model: str, path: str) -> tuple[Eend, str, str]:
    """The network, its name and the hash of its file; SD251 where it is not there, with what makes one."""
    from safetensors import SafetensorError

    from sepdiar.models import cards, kinds
    from sepdiar.models.published import in_folder
    from sepdiar.networks import weights
    from sepdiar.networks.eend import Eend

    if not path and cards.home(model) is None:
        hint = f"{TRAIN}; then --set diarize.eend-eda.path=RUN/best.safetensors"
        raise SepdiarError("SD251", f"no weights of {model} come with sepdiar: train them on your own speech", hint=hint)
    if path:
        found = in_folder(path, (FILE,))
        name, file = found.name, found.files[FILE]
        kinds.refuse_misnamed(file)
        content = file.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            network = weights.read(content)
        except (ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise SepdiarError("SD251", f"weights that cannot be read: {error}", where=str(file), hint=TRAIN) from error
    else:
        shelved = weights.find(model)
        name, sha256, network = shelved.name, shelved.sha256, weights.load(shelved)
    if not isinstance(network, Eend):
        raise SepdiarError("SD251", f"{name} holds another kind of network", where=path or model, hint=TRAIN)
    return network.eval(), name, sha256
