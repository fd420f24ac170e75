"""Pickles become safetensors once, and what could run code is not read."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
import tarfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.models.pickles import about, convert
from sepdiar.networks import weights

STATE = OrderedDict(first=torch.arange(6.0).reshape(2, 3), second=torch.tensor(3))


class Specifications:
    """Stands for a class of a package that is not here."""

    def __init__(self) -> None:
        self.classes = ["a", "b"]


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("harmed",)


def same(path, expected=STATE) -> bool:
    made = load_file(path)
    return made.keys() == expected.keys() and all(torch.equal(made[name], value) for name, value in expected.items())


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_keeps_its_names_and_its_bits(tmp_path, zipped):
    torch.save(STATE, tmp_path / "a.ckpt", _use_new_zipfile_serialization=zipped)
    convert(tmp_path / "a.ckpt", tmp_path / "a.safetensors")
    assert same(tmp_path / "a.safetensors") and about(tmp_path / "a.safetensors") == {}
    convert(tmp_path / "a.ckpt", tmp_path / "again.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()


@pytest.mark.parametrize("key", ["", "state_dict"])
def test_what_else_is_said_goes_into_the_header(tmp_path, key):
    version = torch.torch_version.TorchVersion("2.13.0")
    shape = {"n_src": 2, "sizes": (1, 2), "noise": torch.zeros(2)}
    torch.save({"state_dict": STATE, "model_args": shape, "torch": version, "none": None}, tmp_path / "a.bin")
    convert(tmp_path / "a.bin", tmp_path / "a.safetensors", key)
    assert same(tmp_path / "a.safetensors")
    said = {"model_args": {"n_src": 2, "sizes": [1, 2]}, "torch": "2.13.0", "none": None}
    assert about(tmp_path / "a.safetensors") == said


def test_tensors_that_share_memory_are_written_apart(tmp_path):
    whole = torch.arange(4.0)
    torch.save({"whole": whole, "part": whole[1:3], "turned": torch.arange(6.0).reshape(2, 3).T}, tmp_path / "a.pt")
    convert(tmp_path / "a.pt", tmp_path / "a.safetensors")
    made = load_file(tmp_path / "a.safetensors")
    assert made["part"].tolist() == [1, 2] and made["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_code_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": STATE, "more": Harmful()}, "a.bin")
    with pytest.raises(SepdiarError, match=r"SD264.*mkdir") as caught:
        convert(tmp_path / "a.bin", tmp_path / "a.safetensors", "state_dict")
    assert caught.value.exit == 3 and sorted(path.name for path in tmp_path.iterdir()) == ["a.bin"]
    with pytest.raises(SepdiarError, match="SD264"):  # not even where a card says that nobody needs it
        convert(tmp_path / "a.bin", tmp_path / "a.safetensors", "state_dict", ("posix.mkdir",))
    assert not (tmp_path / "harmed").exists()


def test_classes_that_nobody_needs_are_left_out(tmp_path):
    torch.save({"state_dict": STATE, "about": Specifications(), "loss": np.float64(0.5)}, tmp_path / "a.bin")
    with pytest.raises(SepdiarError, match="SD264"):
        convert(tmp_path / "a.bin", tmp_path / "a.safetensors")
    mine = f"{Specifications.__module__}.Specifications"
    numpys = (
        f"{np.dtype.__module__}.dtype",
        "_codecs.encode",
        *(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")),
    )
    convert(tmp_path / "a.bin", tmp_path / "a.safetensors", ignore=(mine, *numpys))
    assert same(tmp_path / "a.safetensors") and about(tmp_path / "a.safetensors") == {}


@pytest.mark.parametrize(
    ("content", "key", "said"),
    [
        ({"state_dict": STATE}, "model", "no tensors below 'model'; it holds: state_dict"),
        ({"one": STATE, "other": STATE}, "", "tensors in 2 places; it holds: one, other"),
        ([1, 2], "", "holds a list"),
        ({}, "", "tensors in 0 places"),
    ],
)
def test_what_holds_no_weights_says_what_it_holds(tmp_path, content, key, said):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(SepdiarError) as caught:
        convert(tmp_path / "a.pt", tmp_path / "a.safetensors", key)
    assert caught.value.code == "SD264" and said in caught.value.what


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"<html>not found</html>", bytes(1000)])
def test_what_is_no_pickle_at_all(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(SepdiarError, match="SD264"):
        convert(tmp_path / "a.pt", tmp_path / "a.safetensors")


def test_a_pulled_pickle_is_found_by_its_name_as_safetensors(hub, home, publish, tmp_path):
    torch.save(STATE, tmp_path / "a.ckpt")
    torch.save({"state_dict": STATE, "model_args": {"n_src": 2}}, tmp_path / "b.bin")
    name = publish({path: (tmp_path / path).read_bytes() for path in ("a.ckpt", "b.bin")}, True)
    folder = sepdiar.models.pull(name)
    assert sorted(path.name for path in folder.iterdir()) == ["a.safetensors", "b.safetensors", "lock.json"]
    found = weights.find(name)
    assert all(torch.equal(weights.tensors(found, "a.safetensors")[key], value) for key, value in STATE.items())
    assert about(found.folder / "b.safetensors") == {"model_args": {"n_src": 2}}
    kept = json.loads((folder / "lock.json").read_text())["files"][0]
    assert (kept["path"], kept["kept"]) == ("a.ckpt", "a.safetensors") and kept["sha256"] != kept["kept_sha256"]

    (folder / "a.safetensors").write_bytes((folder / "b.safetensors").read_bytes())
    with pytest.raises(SepdiarError, match="SD251") as caught:
        weights.tensors(found, "a.safetensors")
    assert caught.value.hint == f"sepdiar models pull {name}"
    with pytest.raises(SepdiarError, match="SD251"):
        weights.tensors(found, "nothing.safetensors")


def test_a_pickle_with_code_in_it_is_not_kept(hub, home, publish, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Harmful()}, "a.ckpt")
    with pytest.raises(SepdiarError, match="SD264"):
        sepdiar.models.pull(publish({"a.ckpt": (tmp_path / "a.ckpt").read_bytes()}))
    assert not (home / "talk").exists() and not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("kind", ["pickle", "archive"])
def test_a_disk_that_is_full_is_the_disk_and_not_the_weights(tmp_path, kind):
    torch.save({"a": torch.zeros(1_000_000)}, tmp_path / "model_weights.ckpt")
    (tmp_path / "model_config.yaml").write_text("a: 1\n")
    with tarfile.open(tmp_path / "a.nemo", "w") as archive:
        for name in ("model_config.yaml", "model_weights.ckpt"):
            archive.add(tmp_path / name, name)
    source = {"pickle": "model_weights.ckpt", "archive": "a.nemo"}[kind]
    code = f"from pathlib import Path; from sepdiar.models import {kind}s; {kind}s.convert(Path({source!r}), Path('made'))"
    limit = (1_000_000, resource.RLIM_INFINITY)
    line = [sys.executable, "-c", code]
    full = subprocess.run(
        line,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert f"OSError: [Errno {errno.EFBIG}]" in full.stderr.splitlines()[-1], full.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"model_weights.ckpt", "model_config.yaml", "a.nemo", "made"}
