"""PixIT through the real path: a tiny ToTaToNet of pyannote's class, saved as at its home, pulled, and asked what it hears."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import sepdiar
from sepdiar import registry
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span
from sepdiar.diarization.pixit import PixIt
from sepdiar.errors import SepdiarError
from sepdiar.models import cards, pickles, shelf
from sepdiar.networks import pyannote
from sepdiar.store.disk import digest

SHAPE = {"encoder_decoder": {"n_filters": 16}, "dprnn": {"n_repeats": 1, "bn_chan": 8, "hid_size": 8}}
WAVLM = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "conv_dim": (8,) * 7}


@pytest.fixture(autouse=True)
def packages() -> None:
    for needed in PixIt.needs:
        if registry.missing_packages(type("One", (), {"needs": (needed,)})):
            pytest.skip(f"{needed} is not installed")
    pyannote.importable()


def network(monkeypatch: pytest.MonkeyPatch, wavlm: bool = False) -> Any:
    """A tiny one with random weights whose mind changes with what it hears."""
    from transformers import WavLMConfig, WavLMModel

    torch.manual_seed(2)
    module = import_module("pyannote.audio.models.separation.ToTaToNet")
    config = WavLMConfig(**WAVLM, feat_extract_norm="layer", do_stable_layer_norm=True)
    monkeypatch.setattr(module.AutoModel, "from_pretrained", lambda name: WavLMModel(config))
    made = module.ToTaToNet(**SHAPE, use_wavlm=wavlm)
    problems = ("MULTI_LABEL_CLASSIFICATION", "MONO_LABEL_CLASSIFICATION")
    made.specifications = tuple(pyannote.task(problem, 3, 5.0) for problem in problems)
    made.build()
    with torch.no_grad():
        made.encoder.filterbank._filters *= 30
        for layer in made.linear:
            layer.weight *= 4
        level = torch.logit(made.eval()(torch.from_numpy(noise())[None, None])[0])
        scale = 4 / level.std()
        made.classifier.weight *= scale
        made.classifier.bias.copy_(scale * (made.classifier.bias - level.median()))
    return made.eval()


def save(made: Any, folder: Path) -> Path:
    """The files of its home: what Lightning saves of a model."""
    folder.mkdir()
    checkpoint: dict[str, Any] = {"epoch": 3, "state_dict": made.state_dict(), "hyper_parameters": dict(made.hparams)}
    made.on_save_checkpoint(checkpoint)
    checkpoint["optimizer_states"] = [{"state": {0: {"exp_avg": torch.zeros(2)}}}]
    torch.save(checkpoint | {"pytorch-lightning_version": "2.1.1"}, folder / "pytorch_model.bin")
    (folder / "config.yaml").write_text("task:\n  _target_: pyannote.audio.tasks.PixIT\n")
    return folder


def pull(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `sepdiar models pull pixit-ami` leaves behind, by what its card says."""
    monkeypatch.setenv("SEPDIAR_MODELS", str(home))
    public = cards.card("pixit-ami").public
    (home / "pixit-ami").mkdir(parents=True)
    lock = shelf.Pulled(home / "pixit-ami", public.repository, "0" * 40)
    for source in public.files:
        kept = lock.folder / source.kept
        pickles.convert(folder / source.path, kept, source.tensors, public.ignore)
        lock = lock.add(shelf.Kept(source.path, digest(folder / source.path), kept.name, digest(kept)))


def noise(seconds: float = 5.0) -> np.ndarray:
    clock = np.arange(round(16_000 * seconds)) / 16_000
    loud = 0.1 * (1 + np.sin(2 * np.pi * clock / 3)) * np.sin(2 * np.pi * 200 * clock) ** 3
    return (loud + 0.02 * np.random.default_rng(0).standard_normal(len(clock))).astype(np.float32)


@pytest.mark.parametrize("wavlm", [False, True])
def test_what_was_pulled_says_what_the_package_says(wavlm, monkeypatch, tmp_path):
    made = network(monkeypatch, wavlm)
    folder = save(made, tmp_path / "published")
    pull(folder, tmp_path / "home", monkeypatch)
    found = PixIt()
    assert isinstance(found.model, str) and found.model.startswith("pixit-ami") and len(found.model_sha256.split()) == 2
    samples = np.stack([noise(), noise()[::-1]])
    with torch.no_grad():
        activity, sources = (part.numpy() for part in made(torch.from_numpy(samples.copy())[:, None]))
    heard, separated = found._both(samples)
    assert heard.shape == (2, 625, 3) and separated.shape == (2, 3, 80_000) and np.ptp(activity) > 0.5
    assert np.abs(heard[:, :624] - activity).max() < 1e-2 and np.abs(separated - sources.transpose(0, 2, 1)).max() < 1e-5
    same = PixIt(path=str(folder))
    assert (same._both(samples)[1] == separated).all()


def test_a_recording_is_diarized_and_separated_in_one_pass(monkeypatch, tmp_path):
    folder = save(network(monkeypatch), tmp_path / "published")
    audio = ArrayAudio(noise(12), 16_000)
    turns, separator = PixIt(path=str(folder)).hear(audio, 2, tmp_path / "kept")
    assert turns and (tmp_path / "kept").stat().st_size < 1.3 * 3 * 4 * audio.samples
    sources = separator.separate(audio, Span(1000, 180_000), ("1", "2"))
    assert np.abs(sources["1"] + sources["2"] - audio.frames[1000:180_000]).max() < 1e-4
    soundfile.write(tmp_path / "talk.wav", audio.frames, 16_000, "FLOAT")
    settings = [f"diarize.pixit.path={folder}"]
    found = sepdiar.diarize(tmp_path / "talk.wav", recipe="pixit", speakers=2, settings=settings)
    assert [turn.span for turn in found.turns] == sorted(turn.span for turn in turns)
    assert found.provenance[-1].parameters["sources"] and found.provenance[-1].model.endswith("compact-embedding")


def test_what_does_not_fit_is_refused(monkeypatch, tmp_path):
    folder = save(network(monkeypatch), tmp_path / "published")
    file = folder / "pytorch_model.bin"
    content = torch.load(file, weights_only=False)
    for changed in ({"hyper_parameters": None}, {"hyper_parameters": {"dprnn": {"bn_chan": 16}}}):
        torch.save(content | changed, file)
        with pytest.raises(SepdiarError, match="SD251"):
            PixIt(path=str(folder))
    with pytest.raises(SepdiarError, match="SD202"):
        PixIt(step=4.0)


def test_nothing_is_told_to_anybody(monkeypatch):
    monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "1")
    pyannote.importable()
    from pyannote.audio.telemetry.metrics import is_metrics_enabled

    assert find_spec("pyannote.audio") and not is_metrics_enabled()
