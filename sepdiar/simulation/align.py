"""When each word of a known sentence is said: `python -m sepdiar.simulation.align MANIFEST --out words.ctm`.

What `sepdiar simulate --words` reads. Words with times let sentences be cut and lie in overlap with their words known.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sepdiar.asr.pocketsphinx import FRAME, LATER, VARIANT
from sepdiar.audio.source import Samples
from sepdiar.conversation import Span
from sepdiar.evaluation.command import command
from sepdiar.formats import ctm
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.simulation.manifest import Utterance, choose
from sepdiar.simulation.speech import load

RATE = 16_000


class Aligner:
    """PocketSphinx, told what is said. Its dictionary has 135,000 English words; a sentence with any other is not aligned."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=RATE, loglevel="FATAL", lm=None)

    def unknown(self, text: str) -> list[str]:
        """The words of a text that it has no pronunciation of."""
        return [word for word in _words(text) if self._decoder.lookup_word(word) is None]

    def words(self, samples: Samples, text: str) -> list[tuple[str, Span]]:
        """Each word with its samples at 16 kHz; none where a word is unknown, or the sound is not that of the text."""
        told = _words(text)
        if not told or self.unknown(text):
            return []
        decoder = self._decoder
        decoder.set_align_text(" ".join(told))
        decoder.reinit_feat()
        decoder.start_utt()
        try:
            decoder.process_raw(np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2").tobytes(), full_utt=True)
        finally:
            decoder.end_utt()
        whole = Span(0, len(samples))
        found = [
            (VARIANT.sub("", one.word), span)
            for one in decoder.seg() or ()
            if one.word[0] not in "<[+"
            and (span := Span(FRAME * one.start_frame, FRAME * (one.end_frame + 1)).shift(LATER) & whole)
        ]
        return found if [word for word, _ in found] == told else []


def aligned(utterances: Sequence[Utterance]) -> Iterator[tuple[Utterance, list[tuple[str, Span]]]]:
    """Every utterance that has a text, with the times of its words, none where they could not be found."""
    aligner = Aligner()
    for utterance in utterances:
        if utterance.text:
            yield utterance, aligner.words(load(utterance.file, RATE), utterance.text)


def _words(text: str) -> list[str]:
    return text.lower().split()


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Write a CTM whose first column is utt; say how many sentences could not be aligned."""
    parser = ArgumentParser(prog="python -m sepdiar.simulation.align", description=__doc__)
    parser.add_argument("manifest", type=Path, help="speech of one person a file (TSV), as `sepdiar simulate` takes it")
    parser.add_argument("--split", help="only this split of it")
    parser.add_argument("--root", type=Path, help="where its files lie, if not beside it")
    parser.add_argument("--out", type=Path, required=True, help="the CTM")
    asked = parser.parse_args(arguments)
    rows, left_out = list[Segment](), 0
    for utterance, words in aligned(choose(asked.manifest, root=asked.root, split=asked.split)):
        left_out += not words
        rows += [Segment(utterance.id, "1", span.at_rate(RATE, TICKS), word) for word, span in words]
    asked.out.write_text(ctm.dumps(rows), encoding="utf-8")
    done = len({row.session for row in rows})
    print(f"{done} sentences with {len(rows)} words aligned, {left_out} left out", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
