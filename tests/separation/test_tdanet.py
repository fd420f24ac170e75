"""TDANet through the real path: a tiny network saved as its home publishes it, converted as pulling does, heard on a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.tdanet import random
from sepdiar.models import cards, shelf
from sepdiar.models.pickles import convert
from sepdiar.networks.tdanet import Tdanet
from sepdiar.separation import Blind
from sepdiar.separation.tdanet import CHECKPOINT, TDANet
from sepdiar.store.disk import digest

NAME = "tdanet-lrs2-4ms"
SHAPE = {"outer": 8, "width": 16, "depth": 3, "kernel": 16, "passes": 2}


class Harmful:
    """A pickle of it would make a folder where it is read."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.mkdir, (self.place,)


def network() -> Tdanet:
    made = Tdanet(**SHAPE)
    made.load_state_dict(random(made.state_dict()))
    return made.eval()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A checkpoint with the parts, and the table of places, that the authors' checkpoints have."""
    state = network().state_dict() | {"sm.unet.globalatt.attn.pos_enc.pe": torch.zeros(1, 10_000, 16)}
    about = {"model_name": "TDANetBest", "model_args": {"num_blocks": 2, "sample_rate": 16_000}}
    infos = {"software_versions": {"torch_version": torch.torch_version.TorchVersion("1.13.0")}}
    torch.save(about | {"state_dict": state, "infos": infos}, tmp_path / CHECKPOINT)
    return tmp_path / CHECKPOINT


@pytest.fixture
def pulled(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `sepdiar models pull` leaves of that checkpoint."""
    monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path / "models"))
    public = cards.card(NAME).public
    folder = tmp_path / "models" / NAME
    folder.mkdir(parents=True)
    kept = folder / public.files[0].kept
    convert(published, kept, public.files[0].tensors, public.ignore)
    file = shelf.Kept(CHECKPOINT, digest(published), kept.name, digest(kept))
    shelf.Pulled(folder, public.repository, public.revision).add(file)
    return kept


def test_a_pulled_model_and_its_checkpoint_give_what_the_network_gives(published, pulled):
    mixtures = np.random.default_rng(0).standard_normal((3, 1600)).astype(np.float32)
    with torch.inference_mode():
        expected = network()(torch.from_numpy(mixtures)).numpy()
    by_name, by_path = TDANet(), TDANet(path=str(published))
    assert isinstance(by_name, Blind) and by_name.rate == by_path.rate == 16_000 and by_name.model == NAME
    line = f"{digest(published)}  {CHECKPOINT}\n"
    assert by_name.model_sha256 == hashlib.sha256(line.encode()).hexdigest()
    for separator in (by_name, by_path):
        made = separator.split(mixtures)
        assert made.shape == (3, 2, 1600) and made.dtype == np.float32
        assert np.abs(made - expected).max() < 1e-6 * np.abs(expected).max()


def test_what_was_not_pulled_or_changed_since_is_refused_with_the_command_that_mends_it(pulled):
    pulled.write_bytes(pulled.read_bytes() + b" ")
    with pytest.raises(SepdiarError, match="SD251") as changed:
        TDANet()
    (pulled.parent / shelf.LOCK).unlink()
    with pytest.raises(SepdiarError, match="SD251") as missing:
        TDANet()
    assert changed.value.hint == missing.value.hint == f"sepdiar models pull {NAME}"


def test_another_checkpoint_is_refused_and_nothing_in_it_runs(tmp_path):
    torch.save({"state_dict": {"weight": torch.ones(2)}}, tmp_path / CHECKPOINT)
    with pytest.raises(SepdiarError, match="SD251"):
        TDANet(path=str(tmp_path))
    torch.save({"state_dict": network().state_dict(), "more": Harmful(tmp_path / "ran")}, tmp_path / CHECKPOINT)
    with pytest.raises(SepdiarError, match="SD264"):
        TDANet(path=str(tmp_path))
    assert not (tmp_path / "ran").exists()
    with pytest.raises(SepdiarError, match="SD202"):
        TDANet(window=0.5)


def test_a_file_is_separated_at_its_own_rate(published, tmp_path):
    rate = 44_100
    clock = np.arange(6 * rate) / rate
    noise = np.random.default_rng(1).standard_normal((2, len(clock)))
    talk, turns = tmp_path / "talk.wav", tmp_path / "talk.rttm"
    soundfile.write(talk, 0.1 * noise[0] * (clock < 4) + 0.02 * noise[1] * (clock >= 3), rate)
    turns.write_text("SPEAKER talk 1 0 4 <NA> <NA> A <NA> <NA>\nSPEAKER talk 1 3 3 <NA> <NA> B <NA> <NA>\n")
    settings = [f"diarize.oracle.turns={turns}", f"separate.tdanet.path={published}"]
    made = sepdiar.separate(talk, tmp_path / "out", recipe="embedded", diarizer="oracle", separator="tdanet", settings=settings)
    mixture = soundfile.read(talk)[0]
    channels = np.stack([soundfile.read(path)[0] for path in made.values()])
    assert len(made) == 2 and channels.shape == (2, len(mixture)) and np.isfinite(channels).all()
    assert (channels[0, : 2 * rate] == mixture[: 2 * rate]).all() and not channels[1, : 2 * rate].any()
    inside = slice(round(3.2 * rate), round(3.8 * rate))
    assert np.abs(channels[:, inside]).max(axis=1).min() > 0 and not (channels[:, inside] == mixture[inside]).all(axis=1).any()
