"""A recording with one speaker a channel is recognised by measurement, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sepdiar.audio.source import ArrayAudio, FileAudio
from sepdiar.audio.two_channel import judge

RATE = 16000
SECONDS = 60
Sound = NDArray[np.float32]


def hiss(seed: int, decibel: float, seconds: float = SECONDS) -> Sound:
    return (np.random.default_rng(seed).standard_normal(int(seconds * RATE)) * 10 ** (decibel / 20)).astype(np.float32)


def voice(seed: int, turns: list[tuple[float, float]], decibel: float = -20.0) -> Sound:
    """Noise with the envelope of syllables, and a pitch, while its speaker has the floor."""
    random = np.random.default_rng(seed)
    time = np.arange(SECONDS * RATE) / RATE
    syllables = np.abs(np.sin(np.pi * (3 + 0.7 * seed) * time + random.uniform(0, 3))) ** 2
    sound = syllables * (random.standard_normal(time.size) * 0.5 + np.sign(np.sin(2 * np.pi * (110 + 60 * seed) * time)))
    speaks = np.zeros(time.size, bool)
    for start, end in turns:
        speaks[int(start * RATE) : int(end * RATE)] = True
    sound *= speaks
    return (sound * 10 ** (decibel / 20) / np.sqrt(np.mean(sound[speaks] ** 2))).astype(np.float32)


A_TURNS = [(start, start + 6.0) for start in range(0, SECONDS, 10)]
B_TURNS = [(start + 5.5, start + 9.5) for start in range(0, SECONDS, 10)]
A, B = voice(1, A_TURNS), voice(2, B_TURNS)


def keep(left: Sound, right: Sound) -> str:
    return judge(ArrayAudio(np.column_stack([left, right]).astype(np.float32), RATE)).keep


def leaking(decibel: float, gain: float = 0.0, floor: float = -65.0) -> tuple[Sound, Sound]:
    """Two lines, each with the other's voice that much lower, the right one with another gain."""
    leak = 10 ** (decibel / 20)
    return A + leak * B + hiss(3, floor), ((B + leak * A + hiss(4, floor)) * 10 ** (gain / 20)).astype(np.float32)


@pytest.mark.parametrize("gain", [0, -12, -25])
@pytest.mark.parametrize("leak", [-200, -40, -22])
def test_two_lines_are_two_speakers_whatever_their_gains(leak: float, gain: float) -> None:
    assert keep(*leaking(leak, gain)) == "both"


@pytest.mark.parametrize("leak", [-15, -10, -6, -3])
def test_two_microphones_in_a_room_and_panned_voices_are_a_mix(leak: float) -> None:
    assert keep(*leaking(leak)) == "mean"
    assert keep(*leaking(leak, gain=-12)) == "mean"


def test_noisy_lines_are_two_speakers() -> None:
    assert keep(*leaking(-200, floor=-38)) == "both"


def test_gated_lines_are_two_speakers() -> None:
    assert keep(A, B) == "both"


def test_one_who_hardly_speaks_still_has_a_channel() -> None:
    assert keep(A + hiss(3, -65), voice(2, [(7, 8), (27, 28.5)]) + hiss(4, -65)) == "both"


def test_the_same_mix_twice_is_one_channel() -> None:
    mix = A + B + hiss(3, -60)
    assert keep(mix, mix) == "left"


def test_the_same_mix_with_slight_differences_is_a_mix() -> None:
    mix = A + B
    assert keep(mix + hiss(3, -60), mix * 0.97 + hiss(4, -60)) == "mean"
    assert keep(mix, np.roll(mix, 3)) == "mean"


def test_opposite_polarity_does_not_cancel() -> None:
    mix = A + B
    assert keep(mix, -mix + hiss(4, -70)) == "left"


@pytest.mark.parametrize("dead", [np.zeros_like(A), hiss(4, -90), hiss(4, -50)], ids=["zeros", "faint", "noise"])
def test_a_dead_channel_is_left_out(dead: Sound) -> None:
    mix = A + B + hiss(3, -65)
    assert keep(mix, dead) == "left"
    assert keep(dead, mix) == "right"


def test_faint_leakage_is_not_a_second_speaker() -> None:
    mix = A + B + hiss(3, -70)
    assert keep(mix, 0.003 * mix + hiss(4, -80)) == "left"


def test_a_monologue_on_both_channels_is_a_mix() -> None:
    assert keep(A + hiss(3, -65), 0.5 * A + hiss(4, -65)) == "mean"


def test_music_with_instruments_panned_apart_is_a_mix() -> None:
    time = np.arange(SECONDS * RATE) / RATE
    bass = np.sin(2 * np.pi * 55 * time) * (np.sin(2 * np.pi * 0.5 * time) > -0.5)
    lead = np.sign(np.sin(2 * np.pi * 440 * time)) * np.abs(np.sin(2 * np.pi * 2 * time))
    drums = hiss(7, 0) * (np.sin(2 * np.pi * 4 * time) > 0.95)
    left = (0.2 * bass + 0.2 * lead + 0.05 * drums).astype(np.float32)
    right = (0.2 * bass + 0.05 * lead + 0.3 * drums).astype(np.float32)
    assert keep(left, right) == "mean"


def test_silence_on_both_channels_is_nothing_special() -> None:
    assert keep(np.zeros(RATE, np.float32), np.zeros(RATE, np.float32)) == "left"
    assert keep(hiss(1, -120), hiss(2, -120)) == "mean"


def test_a_recording_shorter_than_a_frame() -> None:
    assert keep(A[:7], A[:7]) == "left"
    assert keep(A[40000:40007], B[40000:40007] + 0.1) in ("mean", "left", "right")


def test_a_call_of_two_parties(shared: Path) -> None:
    call = FileAudio.open(shared / "two_channel" / "auto_repairs_40.flac")
    verdict = judge(call)
    assert verdict.keep == "both"
    assert min(verdict.isolated) > 0.9


def test_the_same_call_mixed_and_panned_is_a_mix(shared: Path) -> None:
    call = FileAudio.open(shared / "two_channel" / "auto_repairs_40.flac")
    from sepdiar.conversation import Span

    frames = call.read(Span(0, call.samples))
    for pan in (1.0, 0.5, 0.2):
        panned = frames @ np.array([[1, pan], [pan, 1]], np.float32)
        panned[:, 1] += 1e-5
        assert judge(ArrayAudio(panned, call.rate)).keep == "mean"
