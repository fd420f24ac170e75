"""Files that a user already has: kept as what is pulled is, by the same checks, without a network."""

from __future__ import annotations

import pytest
import torch

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.models import cards
from sepdiar.networks import weights

FILES = {"model.safetensors": b"weights", "nested/config.json": b"{}"}


@pytest.fixture(autouse=True)
def no_network(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


def refused(code, name, given):
    with pytest.raises(SepdiarError) as caught:
        sepdiar.models.add(name, given)
    assert caught.value.code == code, caught.value
    return caught.value


@pytest.mark.parametrize("flat", [False, True])
def test_a_folder_of_the_published_files_becomes_the_model(home, publish, run, tmp_path, flat):
    name = publish(FILES, known=True)
    for path, content in FILES.items():
        file = tmp_path / "mine" / (path.rpartition("/")[2] if flat else path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    ran = run("add", name, "mine")
    assert (ran.returncode, ran.stdout) == (0, f"{home / name}\n"), ran.stderr
    assert {path: (home / name / path).read_bytes() for path in FILES} == FILES
    (row,) = sepdiar.models.verify(name)
    assert row.good and row.detail.endswith("from config.json, model.safetensors")
    assert sepdiar.models.pull(name) == home / name and (tmp_path / "mine").is_dir()


def test_a_single_file_may_have_any_name_and_a_pickle_is_converted(home, publish, tmp_path):
    torch.save({"a": torch.arange(3.0)}, tmp_path / "download (1).bin")
    name = publish({"talk.pt": (tmp_path / "download (1).bin").read_bytes()}, known=True)
    sepdiar.models.add(name, tmp_path / "download (1).bin")
    assert weights.tensors(weights.find(name), "talk.safetensors")["a"].tolist() == [0, 1, 2]


def test_other_bytes_are_refused_and_nothing_is_kept(home, publish, tmp_path):
    name = publish({"a.json": b"{}"}, known=True)
    (tmp_path / "a.json").write_bytes(b"[]")
    error = refused("SD263", name, tmp_path)
    assert error.where == str(tmp_path / "a.json") and not (home / name).exists() and (tmp_path / "a.json").is_file()


def test_a_hash_that_nobody_told_is_recorded_and_holds(home, publish, tmp_path):
    name = publish({"a.json": b"{}"}, revision="main")
    (tmp_path / "a.json").write_bytes(b"{}")
    folder = sepdiar.models.add(name, tmp_path)
    (folder / "a.json").write_bytes(b"changed")
    (tmp_path / "a.json").write_bytes(b"[]")
    refused("SD263", name, tmp_path)


def test_what_is_missing_or_not_to_be_added_is_said(home, publish, tmp_path, monkeypatch):
    name = publish(FILES, known=True)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert refused("SD251", name, tmp_path).what == "no nested/config.json"
    assert "2 files" in refused("SD251", name, tmp_path / "model.safetensors").what
    assert refused("SD251", name, tmp_path / "nowhere").where == str(tmp_path / "nowhere")
    refused("SD201", "compact-embedding", tmp_path)
    refused("SD201", "nonesuch", tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1}))
    (tmp_path / "config.json").write_bytes(b"{}")
    refused("SD301", name, tmp_path)
    assert not (home / name).exists() and cards.home(name)
