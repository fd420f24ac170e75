"""The diarizer of published networks: with weights of no meaning, and, where they were pulled, with their own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from safetensors.torch import save_file

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Turn
from sepdiar.diarization.linking import unit
from sepdiar.diarization.open import MODELS, Open, _heard
from sepdiar.diarization.shares import anybody, shared
from sepdiar.diarization.stretches import RATE, Stretches, stretches_of
from sepdiar.diarization.windows import FULL, Plan, Windows
from sepdiar.networks.campplus import CampPlus, Voices
from sepdiar.networks.pyannet import PyanNet

here = Path(os.environ.get("SEPDIAR_MODELS", ""))
pulled = pytest.mark.skipif(
    not all((here / name / "lock.json").is_file() for name in MODELS[:2]), reason="segmentation-3.0 and CAM++ were not pulled"
)
PLAN = Plan(hop=270, length=592, step=148)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, str]:
    """Weights of no meaning."""
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("weights")
    save_file(PyanNet().state_dict(), place / "pytorch_model.safetensors")
    save_file(CampPlus().state_dict(), place / "campplus_cn_en_common.safetensors")
    return {"segmentation": str(place), "voice": str(place)}


def windows_of(heard: np.ndarray) -> Windows:
    """What a segmenter says that hears the same in every window, frames of the recording by local speakers."""
    padded = np.pad(heard.astype(np.uint8) * FULL, ((0, 700), (0, 0)))
    starts = np.array(PLAN.starts(len(heard) * PLAN.hop))
    return Windows(PLAN, len(heard) * PLAN.hop, starts, np.stack([padded[at : at + PLAN.length] for at in starts]))


def noise(seconds: float) -> ArrayAudio:
    return ArrayAudio(np.random.default_rng(0).normal(0, 0.03, round(seconds * RATE)).astype(np.float32), RATE)


def tune(seconds: float) -> ArrayAudio:
    """Three-voiced chords that change twice a second."""
    rng, time = np.random.default_rng(1), np.arange(RATE // 2) / RATE
    chords = [
        sum(np.sin(2 * np.pi * base * third * tone * time) / tone for third in (1, 1.26, 1.5) for tone in range(1, 6))
        for base in 220 * 2 ** (rng.integers(0, 12, round(2 * seconds)) / 12)
    ]
    return ArrayAudio((0.05 * np.concatenate([chord * np.exp(-3 * time) for chord in chords])).astype(np.float32), RATE)


@pytest.mark.parametrize(
    "audio", [ArrayAudio(np.zeros(0, np.float32), RATE), noise(6), tune(12)], ids=["nothing", "noise", "music"]
)
def test_where_nobody_speaks_there_are_no_turns(folders, audio):
    assert list(Open(**folders).diarize(audio)) == []


def test_the_same_recording_gives_the_same_turns_within_it(folders, conversation):
    audio, _ = conversation((0, 1), 20)
    diarizer = Open(**folders)
    once = diarizer.diarize(audio)
    assert once == diarizer.diarize(audio)
    assert all(Span(0, audio.samples) & turn.span == turn.span for turn in once)


def test_a_stretch_is_one_persons_and_at_most_a_second_and_a_half(folders):
    heard = np.zeros((1500, 3), bool)
    heard[100:700, 0] = heard[650:900, 1] = heard[1000:1010, 2] = True
    found = stretches_of(noise(1500 * 270 / RATE), windows_of(heard), Voices(path=folders["voice"]))
    assert (found.starts[0], found.ends[-1]) == (100, 900)
    assert not ((found.starts < 700) & (found.ends > 650)).any()
    assert (found.ends - found.starts).max() * 270 <= 1.5 * RATE
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_in_overlap_the_second_is_whom_the_windows_hear_there_and_not_who_is_next():
    """0 speaks, 1 and 0 together, 2 right behind: who is heard with 0 is 1, who spoke as the same local speaker before."""
    heard = np.zeros((600, 3), bool)
    heard[0:100, 1] = heard[120:330, 0] = heard[280:330, 1] = heard[340:440, 2] = True
    windows = windows_of(heard)
    starts, ends, names = np.array([0, 120, 340]), np.array([100, 280, 440]), np.array([1, 0, 2])
    stretches = Stretches(starts, ends, np.arange(3), unit(np.eye(3, dtype=np.float32)))
    one, two = anybody(windows)
    found = shared(windows, stretches, names, 3, one > 0.5, two > 0.5)
    assert found[300].tolist() == [1, 1, 0] and found[200].tolist() == [1, 0, 0] and found[110].tolist() == [0, 0, 0]


def test_edges_are_those_of_certain_speech_and_other_sound_is_kept_where_it_is_apart():
    certain, sound = [Span(1000, 9000)], [Span(500, 9500), Span(40000, 50000)]
    assert _heard(certain, sound) == (Span(1000, 9000), Span(40000, 50000))


@pulled
def test_the_published_weights_hear_nobody_in_music_and_noise():
    diarizer = Open()
    assert list(diarizer.diarize(tune(20))) == [] == list(diarizer.diarize(noise(20)))
    assert diarizer.model == ", ".join(MODELS) and len(diarizer.model_sha256.split()) == 4


@pulled
@pytest.mark.shared
def test_on_a_telephone_line_there_are_two_and_music_before_them_is_nobody(shared, error_rate):
    whole, rate = soundfile.read(shared / "two_channel" / "auto_repairs_40.flac", dtype="float32")
    call = soxr.resample(whole[: 60 * rate].sum(1), rate, RATE)
    audio = ArrayAudio(np.concatenate([tune(10).frames, call]), RATE)
    lines = (line.split() for line in (shared / "real" / "call-40.rttm").read_text().splitlines())
    spans = ((one[7], round((10 + float(one[3])) * RATE), round(float(one[4]) * RATE)) for one in lines)
    truth = [Turn(who, Span(start, min(start + length, 70 * RATE))) for who, start, length in spans if start < 70 * RATE]
    found = Open().diarize(audio)
    assert len({turn.speaker for turn in found}) == 2 and min(turn.span.start for turn in found) > 9 * RATE
    assert error_rate(truth, found, audio) < 0.1
