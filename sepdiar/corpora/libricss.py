"""LibriCSS, as released: LibriSpeech utterances replayed in a room, ten sessions in each of six conditions.

Layout of github.com/chenzhuo1011/libri_css (Chen et al. 2020; speech of LibriSpeech, CC BY 4.0), `for_release/` or the folder
around it, one folder a session and condition:

    OV40/overlap_ratio_40.0_sil0.1_1.0_session0_actual39.8/
        record/raw_recording.wav         the array, 7 microphones; the first is what a chain is given
        clean/each_spk.wav               what was played, one speaker a channel: the tracks
        transcription/meeting_info.txt   start, end, speaker, utterance and words, by tabs

Either of the two audio files may be missing. A recording is called as in OV40_session0. A word's time is its share of its
utterance's. The release does not say which channel is whose: it is the one that sounds when the speaker speaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import blocks
from sepdiar.conversation import Span, Turn
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import Source, lacking, truth, utterance
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_text
from sepdiar.formats.segments import TICKS, lines, speech
from sepdiar.metrics.sides import open_audio

ABOUT = "LibriCSS: for_release/OV40/overlap_ratio_…/ with transcription/meeting_info.txt, record/ and clean/"
CONDITIONS = ("0S", "0L", "OV10", "OV20", "OV30", "OV40")
INFO, RECORDED, CLEAN = "transcription/meeting_info.txt", "record/raw_recording.wav", "clean/each_spk.wav"
EXPECTED = "start, end, speaker, utterance and words, with tabs between"
FRAMES_A_SECOND = 100
OWN = 0.9  # of a channel's energy lies in the utterances of the one who speaks there


def found(folder: Path) -> bool:
    """Whether a session of any condition is here."""
    return any(_sessions(folder))


def read(folder: Path) -> Iterator[Truth]:
    """The sessions, by condition and number."""
    for condition, place in _sessions(folder):
        if not (place / INFO).is_file():
            raise lacking(INFO, place)
        turns = list(_utterances(place / INFO))
        recorded, clean = (file if (file := place / part).is_file() else None for part in (RECORDED, CLEAN))
        if not (recorded or clean):
            raise lacking(f"{RECORDED}, and no {CLEAN}", place)
        session = next(part for part in place.name.split("_") if part.startswith("session"))
        found = truth(f"{condition}_{session}", folder, turns, _sources(clean, turns) if clean else (), recorded)
        yield replace(found, array=(found.conversation.recording.path,) if recorded else ())


def _sessions(folder: Path) -> Iterator[tuple[str, Path]]:
    root = folder / "for_release" if (folder / "for_release").is_dir() else folder
    for condition in CONDITIONS:
        for place in sorted((root / condition).glob("overlap_ratio_*_session*")):
            yield condition, place


def _utterances(file: Path) -> Iterator[Turn]:
    rows = read_text(file).partition("\n")[2]  # the first names the columns
    for line in lines(rows, str(file), EXPECTED):
        columns = line.text.split("\t")
        wordless = len(columns) == 4 and " " not in columns[3]  # what is simulated may be of those whose words nobody knows
        if len(columns) != 5 and not wordless:
            line.wrong(f"{len(columns)} columns")
        yield utterance(columns[2], line.span(columns[0], end=columns[1]), "".join(columns[4:]).split())


def _sources(clean: Path, turns: Sequence[Turn]) -> tuple[Source, ...]:
    """Whose channel is which: for everybody at once, so that the energies agree best with the utterances."""
    from scipy.optimize import linear_sum_assignment

    energy, said = _energy(clean), speech(turns)
    total = energy.sum(0) + 1e-12
    share = np.stack([energy[_frames(spans, len(energy))].sum(0) / total for spans in said.values()])
    if len(share) > energy.shape[1]:
        raise SepdiarError("SD601", f"{energy.shape[1]} channels for {len(share)} speakers", where=str(clean))
    sources = []
    for speaker, row, channel in zip(said, share, linear_sum_assignment(-share)[1].tolist(), strict=True):
        if row[channel] < OWN:
            raise SepdiarError("SD601", f"no channel sounds when {speaker} speaks, and only then", where=str(clean))
        sources.append(Source(speaker, clean, channel))
    return tuple(sources)


def _energy(file: Path) -> NDArray[np.float64]:
    audio = open_audio(file)
    hop = audio.rate // FRAMES_A_SECOND
    found = [np.zeros((0, audio.channels))]
    for _, block in blocks(audio, size=1000 * hop):
        frames = np.pad(block, ((0, -len(block) % hop), (0, 0))).reshape(-1, hop, audio.channels)
        found.append(np.einsum("fsc,fsc->fc", frames, frames).astype(np.float64))
    return np.concatenate(found)


def _frames(spans: Sequence[Span], count: int) -> NDArray[np.bool_]:
    inside = np.zeros(count, np.bool_)
    for span in spans:
        frames = span.at_rate(TICKS, FRAMES_A_SECOND)
        inside[max(frames.start - 1, 0) : frames.end + 1] = True
    return inside
