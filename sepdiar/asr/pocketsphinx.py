"""CMU PocketSphinx: a recogniser of 2015 whose English model comes inside its package, so that words need no download."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import numpy as np

from sepdiar.asr.utterances import place, utterances
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Word
from sepdiar.errors import SepdiarError
from sepdiar.store.disk import tree_sha256

FRAME = 160  # samples of a frame of 10 ms
LATER = 125  # the window of a frame, 410 samples, is centred that much behind the frame's own middle
SHORTEST = 10 * FRAME
VARIANT = re.compile(r"\(\d+\)$")  # "the(2)": the second pronunciation of "the"


class PocketSphinx:
    """PocketSphinx with the US English model of its package; its words show the chain and are too poor to train on."""

    needs = ("pocketsphinx",)
    uses = ("pocketsphinx-en-us",)
    rate = 16000
    training_grade = False
    caution = "about 40 % of the words are wrong even on clean read speech"
    model = ""
    model_sha256 = ""

    def __init__(self, longest_seconds: float = 20.0, quiet_db: float = -60.0, active: int = 3000) -> None:
        """What never gets louder than `quiet_db`, the RMS of 10 ms against full scale, has no words: in silence it hears "dog".

        `active` is how many states of the search stay alive in each frame: fewer are faster, and from 2000 down hear worse.
        """
        if not 1 <= longest_seconds <= 60:
            raise SepdiarError("SD202", f"1 to 60, not {longest_seconds}", where="transcribe.pocketsphinx.longest_seconds")
        if active < 1:
            raise SepdiarError("SD202", f"at least 1, not {active}", where="transcribe.pocketsphinx.active")
        from pocketsphinx import Decoder, get_model_path

        self.longest_seconds, self.quiet = longest_seconds, 10 ** (quiet_db / 20)
        self.model = f"pocketsphinx en-us {version('pocketsphinx')}"
        self.model_sha256 = tree_sha256(Path(get_model_path("en-us")))
        self.decoder = Decoder(samprate=self.rate, loglevel="FATAL", maxhmmpf=active)

    def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
        """The words said within `spans`, each utterance heard afresh, so that their order and their number play no part."""
        words = (
            replaced
            for utterance in utterances(audio, spans, self.longest_seconds, join=0.3, context=0.15)
            for replaced in place(self._words(audio, utterance.heard), [utterance.span])[0][0]
        )
        placed, _ = place(words, spans)
        return sorted(chain.from_iterable(placed), key=lambda word: word.span)

    def _words(self, audio: Audio, heard: Span) -> Iterator[Word]:
        frames = audio.read(heard)[:, 0]
        if len(frames) < SHORTEST or _loudest(frames) < self.quiet:
            return
        # without this the noise estimate of one utterance is carried into the next, and the words depend on the order
        self.decoder.reinit_feat()
        self.decoder.start_utt()
        try:
            self.decoder.process_raw(np.clip(np.round(frames * 32768), -32768, 32767).astype("<i2").tobytes(), full_utt=True)
        finally:
            self.decoder.end_utt()
        for segment in self.decoder.seg() or ():
            if segment.word[0] not in "<[+":
                frames_of_it = Span(FRAME * segment.start_frame, FRAME * (segment.end_frame + 1))
                confidence = round(min(1.0, max(0.0, segment.prob)), 4)
                yield Word(VARIANT.sub("", segment.word), frames_of_it.shift(heard.start + LATER), confidence)


def _loudest(frames: Samples) -> float:
    whole = frames[: len(frames) // FRAME * FRAME].astype(np.float64).reshape(-1, FRAME)
    return float(np.sqrt(np.square(whole).mean(axis=1).max()))
