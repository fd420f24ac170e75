"""Guided source separation: an array hears the voices from where they are, and somebody says who speaks when.

`python -m sepdiar.evaluation.gss AUDIO... --turns TURNS --out DIR` writes one WAV a speaker: TURNS say who speaks when (RTTM,
STM, ...), AUDIO is one file of several channels, or a file a microphone, all on one clock. `sepdiar eval libricss --gss` and
`sepdiar eval chime6 --gss` measure it with a chain's recogniser behind it.

What CHiME teams use (Boeddeker et al. 2018): each turn is heard with `CONTEXT` seconds on both sides; echoes are predicted and
taken away (WPE), a mixture model of directions (cACGMM) that is told who is active gives masks, and a beamformer (MVDR after
Souden, with blind analytic normalisation) listens to the one who speaks. Nothing is trained. All three are NeMo's, on any device.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sepdiar.audio.source import Audio, Samples, Within
from sepdiar.conversation import Span, Turn, merged
from sepdiar.errors import SepdiarError
from sepdiar.metrics.sides import Beside

CONTEXT = 15.0  # seconds that are heard on each side of a turn
LONGEST = 20.0  # seconds that are separated at once


@dataclass(frozen=True)
class Piece:
    """What a speaker says in a span, one channel."""

    speaker: str
    span: Span
    samples: Samples


def array(microphones: Sequence[Audio]) -> Beside:
    """Microphones that were recorded each to a file, or some of them together, as one recording; as long as the shortest."""
    shortest = Span(0, min(part.samples for part in microphones))
    return Beside(tuple(Within(part, shortest) for part in microphones))


def guided(
    audio: Audio, turns: Iterable[Turn], *, context: float = CONTEXT, dereverberate: bool = True, device: str = "cpu"
) -> Iterator[Piece]:
    """Each speaker's speech out of the recording of an array, in order, by pieces that do not overlap for one speaker.

    SD202: a recording of one channel. SD250: NeMo is not installed.
    """
    if audio.channels < 2:
        raise SepdiarError("SD202", "an array has two channels or more, this recording has one", where="gss")
    needed()
    speech = _by_speaker(turns, audio.samples)
    from sepdiar.evaluation.gss.listener import Listener

    listener = Listener(audio.rate, dereverberate, device)
    longest, around = round(LONGEST * audio.rate), round(context * audio.rate)
    spans = [(piece, speaker) for speaker, known in speech.items() for span in known for piece in _cut(span, longest)]
    for span, speaker in sorted(spans):
        heard = Span(max(0, span.start - around), min(audio.samples, span.end + around))
        yield Piece(speaker, span, listener(audio.read(heard), heard, span, _active(speech, speaker, heard)))


def needed() -> None:
    """Refuse (SD250) where NeMo is not installed."""
    if importlib.util.find_spec("nemo") is None:
        raise SepdiarError("SD250", "guided source separation needs nemo_toolkit", hint="pip install 'sepdiar[nemo]'")


def _by_speaker(turns: Iterable[Turn], samples: int) -> dict[str, tuple[Span, ...]]:
    whole, spans = Span(0, samples), dict[str, list[Span]]()
    for turn in turns:
        if inside := turn.span & whole:
            spans.setdefault(turn.speaker, []).append(inside)
    return {speaker: merged(known) for speaker, known in sorted(spans.items())}


def _active(speech: dict[str, tuple[Span, ...]], speaker: str, heard: Span) -> list[Sequence[Span]]:
    """When the speaker speaks, and then each other one who is heard at all."""
    others = (spans for name, spans in speech.items() if name != speaker and any(span & heard for span in spans))
    return [speech[speaker], *others]


def _cut(span: Span, longest: int) -> Iterator[Span]:
    """A span in equal parts, none longer than `longest`."""
    edges = np.linspace(span.start, span.end, -(-len(span) // longest) + 1).round().astype(int).tolist()
    yield from (Span(start, end) for start, end in pairwise(edges))
