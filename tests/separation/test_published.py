"""Separators of speechbrain and asteroid through the real path: tiny networks of the real classes, saved as at home."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import sepdiar
from sepdiar import registry
from sepdiar.cli import main as cli
from sepdiar.errors import SepdiarError
from sepdiar.models import cards, pickles, shelf
from sepdiar.models.published import weights
from sepdiar.networks import torchaudio_cpu
from sepdiar.separation import Blind
from sepdiar.store.disk import digest

OURS = ("convtasnet", "dprnn", "dptnet", "sepformer", "sudormrf")
LITTLE = {"n_src": 2, "n_filters": 16, "bn_chan": 8, "n_repeats": 1}
ASTEROID = {
    "ConvTasNet": ("convtasnet", LITTLE | {"n_blocks": 2, "hid_chan": 16, "skip_chan": 8, "sample_rate": 16000}),
    "DPRNNTasNet": ("dprnn", LITTLE | {"hid_size": 8, "chunk_size": 20}),
    "DPTNet": ("dptnet", {"n_src": 2, "n_filters": 16, "n_heads": 2, "ff_hid": 8, "chunk_size": 20, "n_repeats": 1}),
    "SuDORMRFNet": ("sudormrf", {"n_src": 2, "n_filters": 16, "bn_chan": 8, "num_blocks": 1, "upsampling_depth": 2}),
    "SuDORMRFImprovedNet": ("sudormrf", {"n_src": 2, "n_filters": 16, "bn_chan": 8, "num_blocks": 1, "sample_rate": 16000}),
}
BLOCK = """!new:speechbrain.lobes.models.dual_path.SBTransformerBlock
  num_layers: 1
  d_model: !ref <out_channels>
  nhead: 2
  d_ffn: 32
  dropout: 0
  use_positional_encoding: true
  norm_before: True
"""
SETTINGS = f"""# Model: Inference for source separation
sample_rate: 8000
num_spks: 2
N_encoder_out: 16
out_channels: !ref <N_encoder_out>
kernel_size: 16
kernel_stride: 8

Encoder: !new:speechbrain.lobes.models.dual_path.Encoder
  kernel_size: !ref <kernel_size>
  out_channels: 16

SBtfintra: {BLOCK}
SBtfinter: {BLOCK}
MaskNet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
  num_spks: !ref <num_spks>
  in_channels: !ref <N_encoder_out>
  out_channels: !ref <out_channels>
  num_layers: 1
  K: 10
  intra_model: !ref <SBtfintra>
  inter_model: !ref <SBtfinter>
  norm: ln
  linear_layer_after_inter_intra: False
  skip_around_intra: True

Decoder: !new:speechbrain.lobes.models.dual_path.Decoder
  in_channels: !ref <N_encoder_out>
  out_channels: 1
  kernel_size: !ref <kernel_size>
  stride: !ref <kernel_stride>
  bias: False

modules:
  encoder: !ref <Encoder>
  decoder: !ref <Decoder>
  masknet: !ref <MaskNet>

pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    encoder: !ref <Encoder>
    masknet: !ref <MaskNet>
    decoder: !ref <Decoder>
"""


class Harmful:
    """A pickle of it makes the folder `harmed` when it is read by a reader that runs code."""

    def __reduce__(self):
        return os.mkdir, ("harmed",)


def package(name: str) -> None:
    """Skip where a package that is not among the tests' own is missing, and import it beside a CPU's torch where it is not."""
    for needed in ("torchaudio", name):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    torchaudio_cpu.importable()
    pytest.importorskip(name)


def noise(rate: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((2, rate)).astype(np.float32)


@pytest.fixture
def sepformer(tmp_path: Path) -> Path:
    """A folder with a tiny SepFormer, as speechbrain publishes one."""
    package("speechbrain")
    return tiny_sepformer(tmp_path / "sepformer")


def tiny_sepformer(folder: Path) -> Path:
    from hyperpyyaml import load_hyperpyyaml

    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(SETTINGS)
    torch.manual_seed(1)
    for name, module in load_hyperpyyaml(SETTINGS)["modules"].items():
        torch.save(module.state_dict(), folder / f"{name}.ckpt")
    return folder


def asteroid(name: str, path: Path, **changed: object) -> Path:
    """A tiny network of a class of asteroid's, as `serialize` and torch.save publish one."""
    package("asteroid")
    pytest.importorskip("pytorch_lightning", reason="asteroid's serialize() wants it")
    torch.manual_seed(1)
    torch.save(getattr(import_module("asteroid.models"), name)(**ASTEROID[name][1] | changed).serialize(), path)
    return path


def pull(name: str, source: Path, folder: Path, card: str) -> None:
    """What `sepdiar models pull` leaves behind of the files in `source`, with a card for it."""
    home = folder / "home" / name
    home.mkdir(parents=True)
    files = sorted(path for path in source.iterdir() if path.is_file())
    listed = "".join(f'[[public.files]]\npath = "{file.name}"\n' for file in files)
    (folder / "models" / name).mkdir(parents=True)
    public = f'[public]\nrepository = "a/b"\nrevision = "main"\n{listed}'
    (folder / "models" / name / "card.toml").write_text(f'name = "{name}"\n{card}\n{public}')
    lock = shelf.Pulled(home, "a/b", "0" * 40)
    for file in files:
        kept = home / cards.Source(file.name).kept
        if kept.suffix == file.suffix:
            kept.write_bytes(file.read_bytes())
        else:
            pickles.convert(file, kept)
        lock = lock.add(shelf.Kept(file.name, digest(file), kept.name, digest(kept)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with cards and pulled models, where sepdiar looks for them."""
    (tmp_path / "sepdiar").mkdir()
    monkeypatch.setattr(cards, "files", lambda package: tmp_path / package)
    monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path / "home"))
    return tmp_path


def test_sepformer_says_what_the_package_says(sepformer, tmp_path):
    from speechbrain.inference.separation import SepformerSeparation

    made = registry.make("separator", "sepformer", {"path": str(sepformer)})
    mixtures = noise(8000)
    theirs = SepformerSeparation.from_hparams(source=str(sepformer), savedir=str(tmp_path / "saved"))
    with torch.no_grad():
        expected = theirs.separate_batch(torch.from_numpy(mixtures)).transpose(1, 2).numpy()
    assert isinstance(made, Blind) and made.rate == 8000 and made.model == "sepformer" and len(made.model_sha256) == 64
    assert np.abs(made.split(mixtures) - expected).max() < 1e-6 and np.abs(expected).max() > 1e-3
    assert made.split(mixtures[:1]).shape == (1, 2, 8000)


@pytest.mark.parametrize("name", ASTEROID)
def test_asteroids_separators_say_what_the_package_says(name, tmp_path):
    path = asteroid(name, tmp_path / "best.pth")
    backend, arguments = ASTEROID[name]
    made = registry.make("separator", backend, {"path": str(path)})
    mixtures = noise(made.rate)
    with torch.serialization.safe_globals([torch.torch_version.TorchVersion]), torch.no_grad():
        theirs = import_module("asteroid.models").BaseModel.from_pretrained(str(path)).eval()
        expected = theirs(torch.from_numpy(mixtures)).numpy()
    assert isinstance(made, Blind) and made.rate == arguments.get("sample_rate", 8000) and made.model == "best.pth"
    assert np.abs(made.split(mixtures) - expected).max() < 1e-6 and np.abs(expected).max() > 1e-4


@pytest.mark.parametrize(("name", "layers"), [("ConvTasNet", "GlobalNorm"), ("SuDORMRFNet", "AcrossFilters")])
def test_asteroids_slow_layers_are_asked_in_another_way(name, layers, tmp_path):
    made = registry.make("separator", ASTEROID[name][0], {"path": str(asteroid(name, tmp_path / "best.pth"))})
    assert layers in {type(layer).__name__ for layer in made._compute._network.modules()}


@pytest.mark.parametrize("name", [*ASTEROID, "SepFormer"])
def test_half_precision_is_near_to_full(name, tmp_path, request):
    backend = ASTEROID[name][0] if name in ASTEROID else "sepformer"
    path = asteroid(name, tmp_path / "best.pth") if name in ASTEROID else request.getfixturevalue("sepformer")
    full, half = (registry.make("separator", backend, {"path": str(path), "precision": one}) for one in ("auto", "bf16"))
    one, other = (separator.split(noise(full.rate)) for separator in (full, half))
    assert (full.precision, half.precision) == ("fp32", "bf16")
    assert other.dtype == np.float32 and 0 < np.sum((one - other) ** 2) < 0.01 * np.sum(one**2)


def test_figures_of_numpys_in_a_checkpoint_do_no_harm(tmp_path):
    path = asteroid("ConvTasNet", tmp_path / "best.pth")
    plain = registry.make("separator", "convtasnet", {"path": str(path)})
    torch.save(torch.load(path, weights_only=False) | {"best": np.float64(15.24)}, tmp_path / "figure.pth")
    figure = registry.make("separator", "convtasnet", {"path": str(tmp_path / "figure.pth")})
    assert (figure.split(noise(16000)) == plain.split(noise(16000))).all()


def test_what_was_pulled_is_found_by_its_name(sepformer, home):
    pull("sepformer-whamr16k", sepformer, home, "rate = 8000")
    made, same = registry.make("separator", "sepformer", {}), registry.make("separator", "sepformer", {"path": str(sepformer)})
    assert made.model == "sepformer-whamr16k" and (made.split(noise(8000)) == same.split(noise(8000))).all()
    (home / "home" / "sepformer-whamr16k" / "masknet.safetensors").write_bytes(b"others")
    with pytest.raises(SepdiarError, match="SD251") as refused:
        registry.make("separator", "sepformer", {})
    assert refused.value.hint == "sepdiar models pull sepformer-whamr16k"


def test_the_card_knows_the_rate_better_than_the_file(home):
    folder = home / "published"
    folder.mkdir()
    path = asteroid("ConvTasNet", folder / "pytorch_model.bin", sample_rate=8000)
    pull("convtasnet-libri2mix-noisy-16k", folder, home, "rate = 16000")
    made = registry.make("separator", "convtasnet", {})
    assert made.rate == 16000 and made.model == "convtasnet-libri2mix-noisy-16k"
    assert registry.make("separator", "convtasnet", {"path": str(folder)}).rate == 8000
    assert registry.make("separator", "convtasnet", {"path": str(path), "rate": 11025}).rate == 11025


def test_one_file_is_separated_at_its_own_rate(sepformer, tmp_path):
    rate = 44100
    clock = np.arange(8 * rate) / rate
    voices = np.random.default_rng(1).standard_normal((2, len(clock)))
    soundfile.write(tmp_path / "talk.wav", 0.1 * voices[0] * (clock < 5) + 0.02 * voices[1] * (clock >= 4), rate)
    turns = "SPEAKER talk 1 0 5 <NA> <NA> A <NA> <NA>\nSPEAKER talk 1 4 4 <NA> <NA> B <NA> <NA>\n"
    (tmp_path / "talk.rttm").write_text(turns)
    settings = [f"diarize.oracle.turns={tmp_path / 'talk.rttm'}", f"separate.sepformer.path={sepformer}", "separate.voice="]
    made = sepdiar.separate(tmp_path / "talk.wav", tmp_path / "out", diarizer="oracle", separator="sepformer", settings=settings)
    mixture, _ = soundfile.read(tmp_path / "talk.wav")
    channels = np.stack([soundfile.read(path)[0] for path in made.values()])
    assert len(made) == 2 and {soundfile.info(path).samplerate for path in made.values()} == {rate}
    assert np.abs(channels.sum(axis=0) - mixture)[round(4.1 * rate) : round(4.9 * rate)].max() < 1e-4


@pytest.mark.parametrize("name", ASTEROID)
def test_the_command_separates_a_file_with_every_one_of_asteroids(name, tmp_path):
    backend, path = ASTEROID[name][0], asteroid(name, tmp_path / "best.pth")
    rate, noise = 16_000, np.random.default_rng(1).standard_normal((2, 5 * 16_000))
    clock = np.arange(5 * rate) / rate
    soundfile.write(tmp_path / "talk.wav", 0.1 * noise[0] * (clock < 3) + 0.02 * noise[1] * (clock >= 2), rate)
    (tmp_path / "talk.rttm").write_text("SPEAKER talk 1 0 3 <NA> <NA> A <NA> <NA>\nSPEAKER talk 1 2 3 <NA> <NA> B <NA> <NA>\n")
    asked = [f"diarize.oracle.turns={tmp_path / 'talk.rttm'}", f"separate.{backend}.path={path}", "separate.voice="]
    command = ["separate", str(tmp_path / "talk.wav"), "--out", str(tmp_path / "out"), "--diarizer", "oracle"]
    with pytest.raises(SystemExit) as ended:
        cli([*command, "--separator", backend, *(word for one in asked for word in ("--set", one))])
    assert not ended.value.code
    mixture, _ = soundfile.read(tmp_path / "talk.wav")
    channels = np.stack([soundfile.read(path)[0] for path in sorted((tmp_path / "out").glob("*.wav"))])
    inside = slice(round(2.1 * rate), round(2.9 * rate))
    assert channels.shape == (2, len(mixture)) and (channels[:, inside] != mixture[inside]).any(axis=1).all()
    assert np.abs(channels.sum(axis=0) - mixture)[inside].max() < 1e-4


def refused(backend: str, **parameters: object) -> SepdiarError:
    with pytest.raises(SepdiarError) as caught:
        registry.load("separator", backend)(**parameters)
    return caught.value


def test_another_model_is_refused(tmp_path):
    path = asteroid("ConvTasNet", tmp_path / "best.pth")
    assert refused("dprnn", path=str(path)).code == "SD251"
    three = asteroid("ConvTasNet", tmp_path / "three.pth", n_src=3)
    assert refused("convtasnet", path=str(three)).code == "SD202"
    content = torch.load(path, weights_only=False)
    torch.save(content | {"model_args": content["model_args"] | {"bn_chan": 9}}, tmp_path / "bent.pth")
    assert refused("convtasnet", path=str(tmp_path / "bent.pth")).code == "SD251"


@pytest.mark.parametrize("backend", OURS)
def test_what_is_not_there_is_refused_with_the_command_that_mends_it(backend, home):
    assert refused(backend, path=str(home / "nowhere")).code == "SD251"
    assert refused(backend, window=0.5).code == "SD202" and refused(backend, rate=1).code == "SD202"
    usual = registry.load("separator", backend).usual
    missing = refused(backend)
    assert missing.code == ("SD251" if usual else "SD202")
    if usual:
        (home / "models" / usual).mkdir(parents=True)
        card = 'rate = 8000\n[public]\nrepository = "a/b"\nrevision = "main"\nfiles = [{path = "pytorch_model.bin"}]\n'
        (home / "models" / usual / "card.toml").write_text(card)
        assert refused(backend).hint == f"sepdiar models pull {usual}"


def test_every_one_says_how_its_packages_are_installed(monkeypatch):
    monkeypatch.setattr(registry, "_installed", lambda name: False)
    mends = {row.name: row.mend for row in registry.backends() if row.kind == "separator"}
    assert mends["sepformer"] == "pip install 'sepdiar[speechbrain]'"
    by_hand = "pip install 'sepdiar[asteroid]' && pip install --no-deps asteroid==0.7.0"
    assert {mends[name] for name in OURS if name != "sepformer"} == {by_hand}


def test_the_models_that_are_taken_where_none_is_named_have_cards():
    usual = {registry.load("separator", backend).usual: backend for backend in OURS}
    assert all(cards.card(name).facts["backend"] == backend for name, backend in usual.items() if name)


def test_no_code_of_a_checkpoint_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model_name": Harmful(), "state_dict": {"a": torch.zeros(1)}}, "bad.pth")
    with pytest.raises(SepdiarError, match="SD264"):
        weights(Path("bad.pth"))
    assert not Path("harmed").exists()


@pytest.mark.parametrize(
    "bad",
    [
        SETTINGS.replace("speechbrain.lobes.models.dual_path.Encoder", "os.mkdir"),
        SETTINGS.replace("Encoder: !new:speechbrain.lobes.models.dual_path.Encoder", "Encoder: !apply:os.mkdir [harmed]\nnone:"),
        SETTINGS.replace("num_spks: 2", "num_spks: !!python/object/apply:os.mkdir [harmed]"),
        SETTINGS.replace("num_spks: 2", "num_spks: !module:os"),
    ],
)
def test_no_code_of_a_settings_file_runs(sepformer, bad, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (sepformer / "hyperparams.yaml").write_text(bad)
    assert refused("sepformer", path=str(sepformer)).code == "SD264"
    assert not Path("harmed").exists()
