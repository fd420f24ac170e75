"""The diarizer with attractors through the real path: tiny weights in a file, as the trainer writes them, and a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import sepdiar
from sepdiar.audio.source import ArrayAudio
from sepdiar.diarization.eend_eda import LOCAL, EendEda
from sepdiar.errors import SepdiarError
from sepdiar.models import cards
from sepdiar.networks import weights
from sepdiar.networks.eend import HOP, Eend, activity
from sepdiar.store.disk import digest

SHAPE = {"width": 16, "depth": 1, "heads": 2, "bands": 24}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a network that always hears two people, and whose mind changes with what it hears."""
    torch.manual_seed(4)
    network = Eend(**SHAPE)
    with torch.no_grad():
        for parameter in network.attract.parameters():
            parameter *= 6
        network.norm.weight *= 4
        samples = torch.randn(1, 40 * HOP) * torch.linspace(0.0, 0.2, 40 * HOP)
        kept: list[torch.Tensor] = []
        hook = network.exist.register_forward_hook(lambda module, given, made: kept.append(given[0][0]))
        network.eval()(samples, LOCAL)
        hook.remove()
        network.exist.bias.zero_()
        wanted = torch.tensor([[3.0], [3.0], [-3.0], [-3.0]], dtype=torch.float64)
        network.exist.weight.copy_(torch.linalg.lstsq(kept[0].double(), wanted).solution.T.float())
    path = tmp_path_factory.mktemp("run") / "best.safetensors"
    weights.write(network, "eend", SHAPE, path)
    return path


def test_a_recording_of_many_windows_is_diarized(file, conversation, tmp_path):
    audio, _ = conversation([0, 3], 40.0, seed=1)
    soundfile.write(tmp_path / "talk.wav", audio.frames, audio.rate, "FLOAT")
    settings = [f"diarize.eend-eda.path={file}", "diarize.eend-eda.window=12", "diarize.eend-eda.step=4"]
    found = sepdiar.diarize(tmp_path / "talk.wav", diarizer="eend-eda", settings=settings)
    assert found.turns
    assert all(0 <= turn.span.start < turn.span.end <= audio.samples for turn in found.turns)
    assert found.provenance[-1].model == "best.safetensors, compact-embedding"
    again = sepdiar.diarize(tmp_path / "talk.wav", diarizer="eend-eda", settings=settings)
    assert again.turns == found.turns


def test_known_speakers_are_the_most_there_are(file, conversation):
    audio, _ = conversation([0, 3], 14.0, seed=2)
    backend = EendEda(path=str(file))
    assert {turn.speaker for turn in backend.diarize(audio, 1)} == {"1"}
    assert {turn.speaker for turn in EendEda(path=str(file), most=1).diarize(audio)} == {"1"}
    assert len({turn.speaker for turn in backend.diarize(audio)}) <= LOCAL


def test_windows_are_heard_as_the_network_hears_them(file):
    backend = EendEda(path=str(file))
    assert backend.model_sha256.split()[0] == digest(file)
    samples = np.random.default_rng(0).standard_normal((2, 30 * HOP)).astype(np.float32)
    with torch.inference_mode():
        expected = activity(weights.named(str(file)), torch.from_numpy(samples), 3).numpy()
    assert np.array_equal(backend._hears(samples, 3), expected)


def test_nothing_and_next_to_nothing_have_no_turns(file):
    backend = EendEda(path=str(file))
    assert list(backend.diarize(ArrayAudio(np.zeros(0, np.float32), 16_000))) == []
    assert list(backend.diarize(ArrayAudio(np.zeros(100, np.float32), 16_000))) == []
    assert list(backend.diarize(ArrayAudio(np.zeros(16_000, np.float32), 16_000))) == []


def test_without_weights_it_says_how_to_make_them():
    assert cards.home("eend-eda") is None
    with pytest.raises(SepdiarError, match="SD251") as caught:
        EendEda()
    assert "sepdiar.training eend models/eend-eda/train.toml" in caught.value.hint
    assert "diarize.eend-eda.path" in caught.value.hint


def test_what_is_no_such_network_is_refused(file, tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"no weights at all")
    segmenter = {"width": 16, "depth": 1, "heads": 2, "bands": 24, "stem": 8}
    weights.write(weights.make("segmenter", segmenter), "segmenter", segmenter, tmp_path / "other.safetensors")
    for path in (tmp_path, tmp_path / "other.safetensors", tmp_path / "nowhere"):
        with pytest.raises(SepdiarError, match="SD251"):
            EendEda(path=str(path))


@pytest.mark.parametrize("setting", [{"window": 2.0}, {"window": 90.0}, {"step": 20.0}, {"local": 5}, {"local": 0}, {"most": 0}])
def test_settings_out_of_range_are_refused(file, setting):
    with pytest.raises(SepdiarError, match="SD202") as caught:
        EendEda(path=str(file), **setting)
    assert next(iter(setting)) in str(caught.value.where)
