"""Filter banks are Kaldi's: the numbers of its own code, of torchaudio's, and what a tone must give."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from sepdiar.networks import torchaudio_cpu
from sepdiar.networks.fbank import FilterBanks

# of kaldi-native-fbank 1.23 for `chirp`: frames 0, 11 and 22, bands 0, 9, 39 and 79
KALDI = [[-12.739, -4.769, -8.353, -4.488], [-9.439, -11.643, -8.353, -4.489], [-15.238, -12.887, -8.369, -4.490]]


def chirp() -> np.ndarray:
    n = np.arange(4000)
    tone = 0.3 * np.sin(2 * np.pi * (200 + 0.15 * n) * n / 16000) * np.hanning(4000)
    return (tone + 0.01 * ((n * 7919) % 101 - 50) / 50).astype(np.float32)


def ours(samples: np.ndarray) -> np.ndarray:
    return FilterBanks(80)(torch.from_numpy(samples)[None])[0].numpy()


def test_the_numbers_are_kaldis():
    made = ours(chirp())
    assert made.shape == (23, 80)
    assert np.abs(made[[0, 11, 22]][:, [0, 9, 39, 79]] - np.array(KALDI)).max() < 2e-3


def test_they_are_those_of_torchaudio():
    if find_spec("torchaudio") is None:
        pytest.skip("needs the extra asteroid, pyannote or speechbrain")
    torchaudio_cpu.importable()
    from torchaudio.compliance.kaldi import fbank

    theirs = fbank(torch.from_numpy(chirp())[None], num_mel_bins=80, sample_frequency=16000, dither=0.0)
    assert np.abs(ours(chirp()) - theirs.numpy()).max() < 2e-3


def test_they_are_those_of_kaldis_own_code():
    kaldi = pytest.importorskip("kaldi_native_fbank")
    options = kaldi.FbankOptions()
    options.frame_opts.dither, options.mel_opts.num_bins = 0, 80
    theirs = kaldi.OnlineFbank(options)
    theirs.accept_waveform(16000, chirp().tolist())
    theirs.input_finished()
    frames = np.stack([theirs.get_frame(number) for number in range(theirs.num_frames_ready)])
    assert np.abs(ours(chirp()) - frames).max() < 2e-3


def test_twice_as_loud_is_the_logarithm_of_four_more_and_silence_is_a_floor():
    samples = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    assert np.abs(ours(2 * samples) - ours(samples) - math.log(4)).max() < 1e-3
    assert np.allclose(ours(np.zeros(4000, np.float32)), math.log(torch.finfo(torch.float32).eps))
