"""NeMo's chain of MarbleNet, TitaNet and clustering, with tiny networks of its classes, saved as at their homes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Turn
from sepdiar.diarization import nemo_clustering
from sepdiar.diarization.nemo_clustering import NemoClustering
from sepdiar.errors import SepdiarError

ASR = "nemo.collections.asr"
LAYER = {"filters": 16, "repeat": 1, "kernel": [5], "dilation": [1], "dropout": 0.0, "residual": False, "separable": True}
FEATURES = {
    "_target_": f"{ASR}.modules.AudioToMelSpectrogramPreprocessor",
    "sample_rate": 16_000,
    "window_size": 0.025,
    "window_stride": 0.01,
    "features": 16,
    "n_fft": 512,
    "normalize": "None",
}


def encoder(*layers):
    return {"_target_": f"{ASR}.modules.ConvASREncoder", "feat_in": 16, "activation": "relu", "conv_mask": True, "jasper": layers}


@pytest.fixture(scope="module")
def archives(made, saved, tmp_path_factory):
    """Both, as they are pulled; the first takes for speech about half of what is loud."""
    folder = tmp_path_factory.mktemp("chain")
    settings = {"labels": ["0", "1"], "preprocessor": FEATURES, "encoder": encoder(LAYER | {"stride": [2]})}
    perceptron = "nemo.collections.common.parts.MultiLayerPerceptron"
    settings["decoder"] = {"_target_": perceptron, "hidden_size": 16, "num_classes": 2, "num_layers": 1, "log_softmax": False}
    speech = saved(made("EncDecFrameClassificationModel", settings), folder / "marblenet.nemo")
    settings = {
        "preprocessor": FEATURES | {"normalize": "per_feature"},
        "encoder": encoder(LAYER | {"stride": [1]}, LAYER | {"stride": [1], "kernel": [1], "filters": 24}),
        "decoder": {"_target_": f"{ASR}.modules.SpeakerDecoder", "feat_in": 24, "num_classes": 3, "pool_mode": "attention"},
        "loss": {"_target_": f"{ASR}.losses.angularloss.AngularSoftmaxLoss", "scale": 30, "margin": 0.2},
    }
    settings["decoder"] |= {"emb_sizes": 8, "angular": True}
    return speech, saved(made("EncDecSpeakerLabelModel", settings), folder / "titanet.nemo")


@pytest.fixture
def diarizer(archives, clip):
    made = NemoClustering(vad=str(archives[0]), voice=str(archives[1]))
    scores = np.concatenate(list(made._speech._scores(ArrayAudio(clip, 16_000))))
    made._speech.on, made._speech.off = np.quantile(scores, [0.6, 0.5])
    return made


def test_speech_in_blocks_is_that_of_the_whole(diarizer, clip, monkeypatch):
    speech, audio = diarizer._speech, ArrayAudio(clip, 16_000)
    assert speech._hop == 320
    monkeypatch.setattr(nemo_clustering, "BLOCK", 7)
    scores = np.concatenate(list(speech._scores(audio)))
    assert len(scores) == len(clip) // 320
    assert np.abs(scores - speech._heard(np.pad(clip, (0, 32_000)))[: len(scores)]).max() < 1e-5


def test_turns_do_not_overlap_and_are_the_same_every_time(diarizer, clip):
    audio = ArrayAudio(clip[: 10 * 16_000], 16_000)
    turns = diarizer.diarize(audio, 2)
    spans = sorted(turn.span for turn in turns)
    assert {turn.speaker for turn in turns} == {"1", "2"}
    assert all(before.end <= after.start for before, after in pairwise(spans))
    assert turns == diarizer.diarize(audio, 2)
    assert {turn.speaker for turn in diarizer.diarize(audio, 1)} == {"1"}
    assert len({turn.speaker for turn in diarizer.diarize(audio)}) <= 8
    assert diarizer.diarize(ArrayAudio(np.zeros(16_000, np.float32), 16_000)) == []
    assert diarizer.diarize(ArrayAudio(clip[:0], 16_000)) == []


def test_voices_far_apart_are_told_apart_and_long_recordings_are_clustered_in_parts(diarizer, monkeypatch, capfd):
    spoken = [Span(16_000 * at, 16_000 * at + 15_000) for at in range(0, 200, 2)]
    pieces = [nemo_clustering._pieces(spoken, round(scale * 16_000)) for scale in nemo_clustering.SCALES]
    noise = np.random.default_rng(0)

    def vectors(some):
        voices = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]])
        clean = voices[[piece.start // 16_000 // 10 % 2 for piece in some]]
        return (clean + 0.05 * noise.standard_normal(clean.shape)).astype(np.float32)

    truth = [piece.start // 16_000 // 10 % 2 for piece in pieces[-1]]
    assert diarizer._clustered(pieces, [vectors(some) for some in pieces], 0) == truth
    monkeypatch.setattr(nemo_clustering, "PARTS", 200)
    monkeypatch.setattr(nemo_clustering, "CLUSTERS", 20)
    assert diarizer._clustered(pieces, [vectors(some) for some in pieces], 2) == truth
    assert capfd.readouterr() == ("", "")


def test_between_pieces_the_speaker_changes_in_the_middle():
    spoken = [Span(0, 20), Span(50, 58)]
    pieces = nemo_clustering._pieces(spoken, 8)
    assert pieces == [Span(0, 8), Span(4, 12), Span(8, 16), Span(12, 20), Span(50, 58)]
    told = list(nemo_clustering._turns(spoken, pieces, [0, 0, 1, 1, 0]))
    assert told == [Turn("1", Span(0, 10)), Turn("1", Span(50, 58)), Turn("2", Span(10, 20))]


def test_its_models_are_named_and_a_wrong_one_is_refused(archives):
    assert NemoClustering.uses() == ("marblenet-frame-vad-v2", "titanet-large")
    assert NemoClustering.uses(voice="x.nemo") == ("marblenet-frame-vad-v2", "x.nemo")
    with pytest.raises(SepdiarError, match="SD264"):
        NemoClustering(vad=str(archives[1]), voice=str(archives[1]))
    with pytest.raises(SepdiarError, match="SD202"):
        NemoClustering(most=0)
