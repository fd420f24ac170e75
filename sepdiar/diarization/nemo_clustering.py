"""NeMo's classic chain: MarbleNet says when anybody speaks, TitaNet whose voice it is, and spectral clustering who is who.

The networks and the clustering are the package's. Its own diarizer reads and writes files of paths, and keeps the recording in
memory; here it is read piece by piece, and what grows with it are its vectors, 35 MB for an hour of speech.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sepdiar.audio.ahead import batches
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn, merged
from sepdiar.diarization.activity import Activity, Values, hysteresis, loudness_of
from sepdiar.diarization.limits import within_limits
from sepdiar.diarization.windows import padded
from sepdiar.networks.from_nemo import RATE, FromNemo

if TYPE_CHECKING:
    from sepdiar.models.published import Published

SCALES = (1.5, 1.25, 1.0, 0.75, 0.5)  # seconds of the pieces that voices are heard in, one every half of that; the last decides
BATCH = 32  # pieces that are heard together on a GPU
BLOCK, AROUND = 30, 2  # seconds in which speech is looked for, and those on each side that are heard with them
SHORTEST = 0.1  # seconds of speech that is listened to
PARTS = 1000  # pieces that are clustered at once; of more, the clusters of parts are
CLUSTERS = 50  # of such a part, if that is more than there may be speakers
CLOSE, FEW = 0.25, 80  # how many neighbours may count, as a share; with so few pieces the speakers are counted another way


class NemoClustering(FromNemo):
    """NeMo's MarbleNet, TitaNet and spectral clustering: one speaker at a time, any number of them; 16 kHz.

    `vad` and `voice` are models that were pulled under these names, or their archives. Without a number there are at most
    `most` speakers. Pauses of less than `pause` seconds in which nobody else begins are part of a turn.
    """

    hears_overlap = False

    def __init__(
        self,
        vad: str = "marblenet-frame-vad-v2",
        voice: str = "titanet-large",
        most: int = 8,
        pause: float = 0.3,
        device: str = "cpu",
    ) -> None:
        from sepdiar.networks import nemo

        within_limits("nemo-clustering", most=(most, 1, 100))
        speech, voices = (_found(one) for one in (vad, voice))
        self._speech = MarbleNet(nemo.load(speech, "EncDecFrameClassificationModel", device), device, pause)
        self._voice = nemo.load(voices, "EncDecSpeakerLabelModel", device)
        self.model, self.model_sha256 = f"{speech.name}, {voices.name}", f"{speech.sha256} {voices.sha256}"
        self._device, self._most = device, most

    @staticmethod
    def uses(vad: str = "marblenet-frame-vad-v2", voice: str = "titanet-large", **_: object) -> tuple[str, ...]:
        """The models that these parameters name."""
        return vad, voice

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, 16 kHz), one at a time; empty where nobody speaks."""
        from sepdiar.networks.threads import one_thread

        with one_thread():
            spoken = [span for span in self._speech.spans(audio) if len(span) >= SHORTEST * RATE]
            if not spoken:
                return []
            pieces = [_pieces(spoken, round(scale * RATE)) for scale in SCALES]
            vectors = [self._vectors(audio, some, round(scale * RATE)) for some, scale in zip(pieces, SCALES, strict=True)]
            names = self._clustered(pieces, vectors, speakers or 0)
        return list(_turns(spoken, pieces[-1], names))

    def _vectors(self, audio: Audio, pieces: Sequence[Span], length: int) -> Samples:
        """A vector of the voice in each piece; a shorter one is repeated up to `length`, as the package does it."""
        import torch

        def read(piece: Span) -> Samples:
            return np.resize(audio.read(piece)[:, 0], length)

        size = 1 if self._device == "cpu" else BATCH
        made = []
        with torch.inference_mode():
            for _, samples in batches(read, pieces, size):
                lengths = torch.full((len(samples),), length, device=self._device)
                _, vectors = self._voice(torch.from_numpy(np.stack(samples)).to(self._device), lengths)
                made.append(vectors.float().cpu().numpy())
        return np.concatenate(made)

    def _clustered(self, pieces: Sequence[Sequence[Span]], vectors: Sequence[Samples], known: int) -> list[int]:
        """Who speaks in each of the shortest pieces, from 0 in the order in which they are first heard."""
        import torch
        from nemo.collections.asr.parts.utils.longform_clustering import LongFormSpeakerClustering

        from sepdiar.networks import nemo

        times = np.array([(span.start / RATE, span.end / RATE) for some in pieces for span in some], np.float32)
        clustering = LongFormSpeakerClustering(cuda=False)
        with torch.inference_mode(), torch.random.fork_rng(devices=[]), nemo.undisturbed():
            torch.manual_seed(0)
            found = clustering.forward_infer(
                embeddings_in_scales=torch.from_numpy(np.concatenate(vectors)),
                timestamps_in_scales=torch.from_numpy(times),
                multiscale_segment_counts=torch.tensor([len(some) for some in pieces]),
                multiscale_weights=torch.ones(1, len(pieces)),
                oracle_num_speakers=known or -1,
                max_num_speakers=known or self._most,
                max_rp_threshold=CLOSE,
                enhanced_count_thres=FEW,
                chunk_cluster_count=max(CLUSTERS, 1 + (known or self._most)),
                embeddings_per_chunk=PARTS,
            )
        labels = found.tolist()
        order = {label: number for number, label in enumerate(dict.fromkeys(labels))}
        return [order[label] for label in labels]


class MarbleNet(Activity):
    """Speech as NeMo's network for it hears it; a stretch of less than 0.1 s is none."""

    def __init__(self, network: Any, device: str, pause: float) -> None:
        super().__init__(on=0.5, off=0.35, speech=0.1, pause=pause)
        self._network, self._device = network, device
        second = self._heard(np.zeros(4 * RATE, np.float32))
        self._hop = round(4 * RATE / len(second) / 160) * 160

    def _active(self, audio: Audio) -> tuple[tuple[Span, ...], Values]:
        score = np.concatenate([np.zeros(0, np.float32), *self._scores(audio)])
        return hysteresis(score, self.on, self.off, self._hop), loudness_of(audio)

    def _scores(self, audio: Audio) -> Iterator[Values]:
        """Block by block the probability of speech in each frame."""
        hop, block = self._hop, BLOCK * RATE
        for start in range(0, audio.samples, block):
            first, last = max(start - AROUND * RATE, 0), min(start + block, audio.samples)
            heard = self._heard(padded(audio, Span(first, last + AROUND * RATE)))
            yield heard[(start - first) // hop : -(-(last - first) // hop)]

    def _heard(self, samples: Samples) -> Values:
        import torch

        with torch.inference_mode():
            lengths = torch.tensor([len(samples)], device=self._device)
            scores = self._network(input_signal=torch.from_numpy(samples)[None].to(self._device), input_signal_length=lengths)
            heard: Values = scores[0].float().softmax(-1)[:, 1].cpu().numpy()
        return heard


def _found(named: str) -> Published:
    from sepdiar.models import cards
    from sepdiar.networks import nemo

    return nemo.found(named, "" if cards.home(named) else named)


def _pieces(spoken: Sequence[Span], length: int) -> list[Span]:
    """Pieces of `length` samples, one every half of that; the last of a span ends with it, and may be shorter."""
    step = length // 2
    return [
        Span(start, min(start + length, span.end))
        for span in spoken
        for start in range(span.start, max(span.end - length + step, span.start + 1), step)
    ]


def _turns(spoken: Sequence[Span], pieces: Sequence[Span], names: Sequence[int]) -> Iterator[Turn]:
    """Between two pieces the speaker changes in the middle of what they share."""
    said: dict[int, list[Span]] = {}
    ends = iter(spoken)
    whole, start = next(ends), spoken[0].start
    for (piece, name), after in pairwise([*zip(pieces, names, strict=True), (Span(1 << 62, 1 << 62), -1)]):
        inside = after[0].start < whole.end
        end = (piece.end + after[0].start) // 2 if inside else whole.end
        said.setdefault(name, []).append(Span(start, end))
        start = end
        if not inside:
            whole = next(ends, whole)
            start = whole.start
    for name, spans in sorted(said.items()):
        yield from (Turn(str(name + 1), span) for span in merged(spans))
