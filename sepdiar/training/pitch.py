"""Speakers whose voices are of one pitch: the ones that are hard to tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sepdiar.training.corpus import RATE, Clip, Corpus

CANDIDATES = 12  # speakers of whom the one with the nearest pitch is taken


class Pitches:
    """The usual pitch of every speaker of a corpus, who are numbered in the order of `Corpus.by_speaker`."""

    def __init__(self, corpus: Corpus, clips: Mapping[str, Sequence[Clip]]) -> None:
        self._known = np.array([pitch_of(corpus, own) for own in clips.values()])

    def nearest(self, one: int, others: Sequence[int]) -> int:
        """Of several others the one whose pitch is nearest to that of the one."""
        return others[int(np.abs(np.log(self._known[list(others)] / self._known[one])).argmin())]


def pitch_of(corpus: Corpus, clips: Sequence[Clip]) -> float:
    """The usual pitch of a speaker in Hz, by the autocorrelation of his first utterances; a rough one is enough here."""
    heard = np.concatenate([corpus.read(clip, 0, 3 * RATE) for clip in clips[:4]])
    heard = np.pad(heard, (0, max(0, 1024 - len(heard))))
    frames = heard[: len(heard) // 1024 * 1024].reshape(-1, 1024) * np.hanning(1024).astype(np.float32)
    power = np.sum(frames**2, axis=1)
    loud = frames[power >= np.median(power)]
    repeats = np.fft.irfft(np.abs(np.fft.rfft(loud, 2048)))[:, : RATE // 60]
    repeats[:, : RATE // 420] = 0
    return float(RATE / np.median(repeats.argmax(axis=1)))
