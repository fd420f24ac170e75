"""Networks of NeMo's are made of what is expected and nothing else, and nobody is told."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from sepdiar.errors import SepdiarError
from sepdiar.models import cards
from sepdiar.networks import nemo

RUNS = "nemo.utils.exp_manager.exp_manager"


def changed(archive: Path, place: Path, change) -> Path:
    """The archive with other settings."""
    folder = place / "files"
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    file = folder / "model_config.yaml"
    settings = yaml.safe_load(file.read_text())
    change(settings)
    file.write_text(yaml.safe_dump(settings))
    with tarfile.open(place / "changed.nemo", "w") as made:
        made.add(folder, ".")
    return place / "changed.nemo"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda settings: settings.update(target="nemo.collections.asr.models.EncDecCTCModel"), "SD264"),
        (lambda settings: settings["encoder"].update(_target_="os.system"), "SD264"),
        (lambda settings: settings["preprocessor"].update(extra=[{"_target_": RUNS}]), "SD264"),
        (lambda settings: settings["encoder"].update(d_model=24), "SD251"),
        (lambda settings: settings.pop("decoder"), "SD251"),
        (lambda settings: settings["tokenizer"].update(model_path="nemo:nowhere.model"), "SD251"),
    ],
)
def test_settings_that_name_or_lack_something_are_refused(parakeet, tmp_path, change, code):
    file = changed(parakeet, tmp_path, change)
    with pytest.raises(SepdiarError, match=code):
        nemo.load(nemo.found("", str(file)), "EncDecRNNTBPEModel", "cpu")


def test_what_they_say_of_training_is_not_looked_at(parakeet, tmp_path):
    file = changed(parakeet, tmp_path, lambda settings: settings.update(optim={"_target_": RUNS}, train_ds={"_target_": RUNS}))
    network = nemo.load(nemo.found("", str(file)), "EncDecRNNTBPEModel", "cpu")
    assert not network.training and "optim" not in network.cfg


def test_a_folder_with_one_archive_is_that_archive(parakeet, tmp_path):
    assert nemo.found("", str(parakeet.parent)).sha256 == nemo.found("", str(parakeet)).sha256
    with pytest.raises(SepdiarError, match="SD251"):
        nemo.found("", str(tmp_path))
    with pytest.raises(SepdiarError, match="SD253"):
        nemo.load(nemo.found("", str(parakeet)), "EncDecRNNTBPEModel", "cuda:99")


def test_the_cards_name_what_the_backends_take(pull):
    backends = {"sortformer", "nemo-clustering", "parakeet", "canary"}
    known = [card for card in map(cards.card, cards.names()) if card.facts["backend"] in backends]
    assert len(known) == 8 and all(source.archive for card in known for source in card.public.files)
    assert all(source.kept == source.path for card in known for source in card.public.files)


@pytest.mark.slow  # it imports NeMo anew
def test_nobody_is_told_even_in_a_job_of_ranks_and_nothing_is_printed():
    code = (
        "from sepdiar.networks import nemo; nemo.importable(); import os; assert os.environ['RANK'] == '0'\n"
        "from nv_one_logger.training_telemetry.api.training_telemetry_provider import TrainingTelemetryProvider\n"
        "raise SystemExit(TrainingTelemetryProvider.instance().config.enable_for_current_rank)"
    )
    environment = os.environ | {"RANK": "0"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
