"""The diarizer made of plain signal processing."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Conversation, Turn
from sepdiar.diarization.mfcc import SAMPLE, Mfcc, _sample
from sepdiar.diarization.voices import path
from sepdiar.errors import SepdiarError

Talks = Callable[..., tuple[ArrayAudio, list[Turn]]]
Rates = Callable[..., float]

VAD = pytest.mark.parametrize("vad", ["silero", "energy"])


@VAD
@pytest.mark.parametrize("voices", [(0,), (2, 3), (0, 1, 2)])
def test_known_numbers_of_speakers_are_told_apart(
    conversation: Talks, error_rate: Rates, vad: str, voices: tuple[int, ...]
) -> None:
    audio, turns = conversation(voices, 60)
    found = Mfcc(vad).diarize(audio, len(voices))
    assert len({turn.speaker for turn in found}) == len(voices)
    assert error_rate(turns, found, audio) < 0.05


def test_the_number_of_speakers_is_found_in_the_podcasts(error_rate: Rates, podcasts: Path) -> None:
    for file in sorted(file for file in podcasts.iterdir() if file.suffix in (".flac", ".opus")):
        truth = Conversation.from_json((podcasts.parent / "truth" / file.stem / "conversation.json").read_text())
        samples, native = soundfile.read(file, dtype="float32")
        audio = ArrayAudio(soxr.resample(samples, native, Mfcc.rate), Mfcc.rate)
        turns = [Turn(turn.speaker, turn.span.at_rate(truth.recording.rate, Mfcc.rate)) for turn in truth.turns]
        found = Mfcc().diarize(audio)
        assert len({turn.speaker for turn in found}) == 2
        assert error_rate(turns, found, audio) < 0.2  # of which 0.07 to 0.1 are overlaps, which it cannot hear


def test_one_voice_is_not_split_and_two_real_ones_are_not_merged(shared: Path) -> None:
    with (shared / "speech" / "manifest.tsv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["speaker"] in ("1993", "2078")]
    said = {
        speaker: [
            soundfile.read(shared / "speech" / row["file"], dtype="float32")[0] for row in rows if row["speaker"] == speaker
        ]
        for speaker in ("1993", "2078")
    }
    one = ArrayAudio(np.concatenate(said["1993"][:8]), Mfcc.rate)
    both = ArrayAudio(np.concatenate([part for pair in zip(*said.values(), strict=False) for part in pair][:10]), Mfcc.rate)
    assert len({turn.speaker for turn in Mfcc().diarize(one)}) == 1
    assert len({turn.speaker for turn in Mfcc().diarize(both)}) == 2


def test_the_same_audio_gives_the_same_turns_and_no_two_overlap(conversation: Talks) -> None:
    audio, _ = conversation((2, 3), 40)
    first, again = Mfcc().diarize(audio), Mfcc().diarize(audio)
    assert first == again
    assert all(left.span.end <= right.span.start for left, right in pairwise(first))


@pytest.mark.parametrize("seconds", [0.0, 0.01, 3.0])
def test_nobody_speaks_in_silence(seconds: float) -> None:
    assert Mfcc().diarize(ArrayAudio(np.zeros(round(seconds * Mfcc.rate), np.float32), Mfcc.rate)) == []


@pytest.mark.parametrize("speakers", [None, 1, 2, 8])
def test_a_single_word_is_enough(conversation: Talks, speakers: int | None) -> None:
    audio, turns = conversation((0,), 3, seed=4)
    found = Mfcc("energy").diarize(audio, speakers)
    assert turns and found and found[0].span & turns[0].span


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 500)), min_size=1, max_size=200))
def test_the_sample_is_bounded_and_made_of_runs(lengths: list[tuple[int, int]]) -> None:
    runs, at = [], 0
    for length, gap in lengths:
        runs.append((at, at + length))
        at += length + gap
    sample = _sample(runs)
    assert set(sample) <= set(runs) and sample == sorted(sample)
    total = sum(last - first for first, last in runs)
    assert sample == runs if total <= SAMPLE else sum(last - first for first, last in sample) <= 1.5 * SAMPLE


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(0, 9)), min_size=1, max_size=7))
def test_no_other_path_is_better(rows: list[tuple[float, float, float]]) -> None:
    fits, costs = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])

    def worth(labels: np.ndarray) -> float:
        return float(fits[np.arange(len(labels)), labels].sum() - costs[1:][np.diff(labels) != 0].sum())

    every = [np.array([number >> bit & 1 for bit in range(len(rows))]) for number in range(2 ** len(rows))]
    assert worth(path(fits, costs)) == pytest.approx(max(map(worth, every)))


def test_settings_out_of_range_are_refused(conversation: Talks) -> None:
    for settings_, code in (({"vad": "ears"}, "SD201"), ({"most": 0}, "SD202")):
        with pytest.raises(SepdiarError) as refused:
            Mfcc(**settings_)
        assert refused.value.code == code
    assert Mfcc.needs() and not Mfcc.needs("energy")


MEASURE = """
import resource, sys, numpy as np
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import conversation
from sepdiar.audio.source import RawAudio
from sepdiar.diarization.mfcc import Mfcc
path, minutes = Path(sys.argv[2]), int(sys.argv[3])
audio, _ = conversation((2, 3), 60)
with path.open("wb") as file:
    for _ in range(minutes):
        audio.frames.tofile(file)
Mfcc().diarize(RawAudio(path, 16000, minutes * audio.samples))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    peaks = [
        int(subprocess.check_output([sys.executable, "-c", MEASURE, here, str(tmp_path / "long.f32"), str(minutes)]))
        for minutes in (10, 60)
    ]
    assert peaks[1] < 1.1 * peaks[0]
