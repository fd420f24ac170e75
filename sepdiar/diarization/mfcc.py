"""Speakers told apart by plain signal processing: the floor of every later table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sepdiar.audio.source import Audio
from sepdiar.conversation import Span, Turn, merged
from sepdiar.diarization import activity, cepstra
from sepdiar.diarization.limits import within_limits
from sepdiar.diarization.mixture import Mixture
from sepdiar.diarization.voices import STEP, Labels, path, scores, steps, voices
from sepdiar.errors import SepdiarError

VADS = {"silero": activity.Silero, "energy": activity.Energy}
SAMPLE = 30_000  # frames of speech that the voices are learnt from: five minutes, however long the recording is
PIECE = 600  # frames that are sampled together
BLOCK = 64  # runs whose frames are held at once

Run = tuple[int, int]


class Mfcc:
    """Clusters of mel-frequency cepstra, realigned with a mixture of Gaussians a speaker; hears no overlap.

    Where two speak at once, only one of them gets the time: to find both is what trained models are for. The number of
    speakers is found as `voices` says, at most `most`. Turns of one speaker less than `pause` seconds apart are one. Voices
    are learnt from at most five minutes of speech, taken at even steps, and then looked for in everything.
    """

    rate = cepstra.RATE
    hears_overlap = False
    hears_overlap = False

    @staticmethod
    def needs(vad: str = "silero", **_: object) -> tuple[str, ...]:
        """What the activity detector imports."""
        return VADS[vad].needs if vad in VADS else ()

    @staticmethod
    def uses(vad: str = "silero", **_: object) -> tuple[str, ...]:
        """The model of the activity detector, where it has one."""
        return ("silero-vad",) if vad == "silero" else ()

    def __init__(self, vad: str = "silero", pause: float = 0.3, most: int = 8) -> None:
        if vad not in VADS:
            raise SepdiarError("SD201", f"no activity detector {vad!r}; there are: {', '.join(VADS)}", where="diarize.mfcc.vad")
        within_limits("mfcc", most=(most, 1, 100))
        self._vad = VADS[vad](pause=pause)
        self._pause, self._most = round(pause * self.rate), most
        self.model, self.model_sha256 = self._vad.model, self._vad.model_sha256

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        """Who speaks when, in samples of `audio` (one channel, 16 kHz); no two turns overlap; empty where nobody speaks."""
        sounds = self._vad.sounds(audio)
        if not sounds:
            return []
        if speakers == 1:
            return [Turn("1", span) for span in merged(sounds, gap=self._pause)]
        runs = [(sound.start // cepstra.HOP, -(-sound.end // cepstra.HOP)) for sound in sounds]
        sample = _sample(runs)
        make = cepstra.Cepstra(audio, sample)
        frames = np.concatenate([make(*run) for run in sample])
        begins = np.cumsum([0, *(last - first for first, last in sample)])[:-1].tolist()
        gaps = np.diff([run[0] for run in sample]) - np.array([last - first for first, last in sample[:-1]])
        groups = [0, *(begin for begin, gap in zip(begins[1:], gaps, strict=True) if gap * cepstra.HOP > self._pause)]
        models = voices(frames, begins, groups, speakers or 0, self._most)
        del frames
        return self._turns(sounds, runs, _labels(make, runs, models))

    def _turns(self, sounds: Sequence[Span], runs: Sequence[Run], labels: Sequence[Labels]) -> list[Turn]:
        pieces: list[tuple[int, Span]] = []
        for sound, (first, _), steps_of_run in zip(sounds, runs, labels, strict=True):
            changes = np.flatnonzero(np.diff(steps_of_run)) + 1
            edges = [sound.start, *((first + STEP * changes) * cepstra.HOP).tolist(), sound.end]
            speakers = steps_of_run[np.r_[0, changes]].tolist()
            for speaker, start, end in zip(speakers, edges, edges[1:], strict=False):
                if pieces and pieces[-1][0] == speaker and start - pieces[-1][1].end < self._pause:
                    pieces[-1] = speaker, Span(pieces[-1][1].start, end)
                else:
                    pieces.append((speaker, Span(start, end)))
        return [Turn(str(speaker + 1), span) for speaker, span in pieces]


def _sample(runs: Sequence[Run]) -> list[Run]:
    """All runs, or, where they are more than five minutes, stretches of about six seconds at even steps."""
    pieces: list[list[Run]] = [[]]
    length = 0
    for run in runs:
        if length >= PIECE:
            pieces.append([])
            length = 0
        pieces[-1].append(run)
        length += run[1] - run[0]
    every = -(-sum(last - first for first, last in runs) // SAMPLE)
    return [run for piece in pieces[::every] for run in piece]


def _labels(make: cepstra.Cepstra, runs: Sequence[Run], models: Sequence[Mixture]) -> list[Labels]:
    """For each run the speaker of each of its steps; frames are made again, a block at a time."""
    fits, costs, counts = [], [], []
    for at in range(0, len(runs), BLOCK):
        some = runs[at : at + BLOCK]
        begins = np.cumsum([0, *(last - first for first, last in some)]).tolist()
        starts, prices = steps(begins[:-1], begins[-1])
        fits.append(scores(models, np.concatenate([make(*run) for run in some]), starts))
        costs.append(prices)
        counts += [-(-(last - first) // STEP) for first, last in some]
    return np.split(path(np.concatenate(fits), np.concatenate(costs)), np.cumsum(counts)[:-1])
