"""What the recognisers of NeMo's share: utterances in packs, packs in batches, and words out of what NeMo calls times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from sepdiar.asr.packs import packed
from sepdiar.asr.utterances import utterances
from sepdiar.audio.ahead import batches
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Word
from sepdiar.errors import SepdiarError
from sepdiar.networks.from_nemo import RATE, FromNemo

if TYPE_CHECKING:
    from torch import Tensor

    from sepdiar.models.published import Published

LONGEST, JOIN, CONTEXT, GAP = 28.0, 1.0, 0.2, 0.5  # seconds: of a pack, between joined turns, around them, between utterances
SHORTEST = 0.08  # seconds of a word: the networks tell time in steps of that


class NemoRecognizer(FromNemo, ABC):
    """A recogniser whose network hears packs of utterances, `batch` at once."""

    training_grade = True

    def __init__(self, found: Published, network: Any, batch: int, where: str, device: str) -> None:
        if not isinstance(batch, int) or not 1 <= batch <= 256:
            raise SepdiarError("SD202", f"a whole number from 1 to 256, not {batch!r}", where=f"{where}.batch")
        self.model, self.model_sha256 = found.name, found.sha256
        self._network, self._batch, self._device = network, batch, device

    @abstractmethod
    def decoded(self, samples: Tensor, lengths: Tensor) -> list[list[Word]]:
        """The words in each row of `samples`, of which the first `lengths` count, in samples of it."""

    def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
        """The words said within `spans` of one channel, in order."""
        from sepdiar.networks.threads import one_thread

        packs = packed(utterances(audio, spans, LONGEST, JOIN, CONTEXT), round(LONGEST * RATE), round(GAP * RATE))
        found: list[Word] = []
        with one_thread():
            for some, samples in batches(lambda pack: pack.samples(audio), packs, self._batch):
                found.extend(word for pack, words in zip(some, self._heard(samples), strict=True) for word in pack.back(words))
        return sorted(found, key=lambda word: word.span)

    def _heard(self, windows: Sequence[Samples]) -> list[list[Word]]:
        import torch

        longest = max(map(len, windows))
        room = np.stack([np.pad(window, (0, longest - len(window))) for window in windows])
        lengths = torch.tensor([len(window) for window in windows], device=self._device)
        with torch.inference_mode():
            return self.decoded(torch.from_numpy(room).to(self._device), lengths)


def words(told: Iterable[Mapping[str, Any]], sure: Sequence[float | None] = ()) -> list[Word]:
    """What is a word of what NeMo calls one, with times in seconds; `sure` says of each how sure the network is, or nothing."""
    return [word for entry, certain in zip_longest(told, sure) for word in _word(entry, certain)]


def _word(entry: Mapping[str, Any], confidence: float | None) -> Iterator[Word]:
    text = str(entry["word"]).strip()
    if any(char.isalnum() for char in text) and entry["start"] >= 0:
        start = round(entry["start"] * RATE)
        end = max(round(entry["end"] * RATE), start + round(SHORTEST * RATE))
        yield Word(text, Span(start, end), None if confidence is None else round(min(1.0, max(0.0, confidence)), 4))
