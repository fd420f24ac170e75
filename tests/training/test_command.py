"""The command: a training that a signal stops, goes on and ends as one that none stopped; what it refuses; export into a card."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from numpy.random import Generator
from torch import Tensor, nn

from sepdiar.errors import INTERRUPTED, IO, USAGE, SepdiarError
from sepdiar.networks import weights
from sepdiar.store.disk import digest
from sepdiar.testing import voices
from sepdiar.training import task as tasks
from sepdiar.training.__main__ import ABOUT, main
from sepdiar.training.begin import begin_with, blend
from sepdiar.training.corpus import Corpus
from sepdiar.training.course import Course
from sepdiar.training.export import filled
from sepdiar.training.task import TASKS, Batch, Figures

RECIPE = """# kept with its remarks
[network]
in_features = 32
out_features = 1
[training]
steps = {steps}
evaluate_every = 4
log_every = 2
"""


class Loudness:
    """Tell from 32 samples how loud they are: as small as a task can be."""

    kind = "loudness"

    def __init__(
        self, recipe: dict[str, Any], train: Corpus, dev: Corpus, noises: tuple[Any, ...] = (), rooms: tuple[Any, ...] = ()
    ) -> None:
        self.shape, self._train, self._dev = recipe["network"], train, dev
        self.network, self.heads = weights.make(self.kind, self.shape), nn.Module()
        self.noises = noises

    def batch(self, rng: Generator) -> Batch:
        clip = self._train.clips[rng.integers(len(self._train.clips))]
        return (self._train.read(clip, int(rng.integers(clip.samples - 320)), 320).reshape(10, 32),)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Figures]:
        if hasattr(self, "signal"):
            os.kill(os.getpid(), self.signal)
        samples = torch.as_tensor(batch[0])
        return (network(samples).float()[:, 0] - samples.abs().mean(1)).square().mean(), {}

    def evaluate(self, network: nn.Module) -> Figures:
        samples = torch.from_numpy(self._dev.read(self._dev.clips[0], 4000, 3200).reshape(100, 32))
        return {"minus error": -float((network(samples)[:, 0] - samples.abs().mean(1)).square().mean())}


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voices(tmp_path_factory.mktemp("voices"), speakers=4, utterances=2)


@pytest.fixture(autouse=True)
def _loudness(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tiny task in the place of separation, and the signal handlers put back."""
    monkeypatch.setitem(weights.NETWORKS, "loudness", "torch.nn:Linear")
    monkeypatch.setitem(sys.modules, "loudness", sys.modules[__name__])
    monkeypatch.setitem(tasks.TASKS, "separation", "loudness:Loudness")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(speech: Path, out: Path, *more: str, steps: int = 12, task: str = "separation") -> int:
    recipe = out.with_name("recipe.toml")
    recipe.write_text(RECIPE.format(steps=steps))
    return ended([task, str(recipe), "--data", str(speech), "--out", str(out), "--cache", str(speech.parent / "cache"), *more])


def ended(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return int(stop.value.code or 0)


def test_there_is_a_command_for_every_task() -> None:
    assert ABOUT.keys() == TASKS.keys()


def test_help_needs_nothing_heavy() -> None:
    code = "import sys, sepdiar.training.__main__ as m; print(sorted({'torch', 'numpy', 'soundfile'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_the_same_command_goes_on(
    number: int, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(speech, tmp_path / "whole") == 0
    monkeypatch.setattr(Loudness, "signal", number, raising=False)
    assert run(speech, tmp_path / "parts") == INTERRUPTED
    assert json.loads((tmp_path / "parts" / "training.json").read_text())["steps"] == 1
    monkeypatch.delattr(Loudness, "signal")
    assert run(speech, tmp_path / "parts") == 0
    for name in ("best.safetensors", "last.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_what_is_told_at_the_end(speech: Path, tmp_path: Path) -> None:
    assert run(speech, tmp_path / "run") == 0
    told = json.loads((tmp_path / "run" / "training.json").read_text())
    assert told["finished"] and told["steps"] == 12 and told["parameters"] == 33 and told["skipped_steps"] == 0
    assert told["train"]["speakers"] == told["dev"]["speakers"] == 2 and told["train"]["hours"] > 0
    assert told["precision"] == Course().precise(torch.device("cpu"))
    assert told["given_noises"] == told["given_responses"] == 0
    assert told["machine"]["packages"]["torch"] == torch.__version__
    assert told["best_step"] in (4, 8, 12) and list(told["figures"]) == ["minus error"]


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["--steps", "0"], USAGE, "SD200"),
        (["--device", "nonsense"], 3, "SD253"),
        (["--noise", "nowhere"], USAGE, "SD206"),
        (["--start", "nothing.safetensors"], 3, "SD251"),
    ],
)
def test_what_cannot_be_is_refused(
    more: list[str], code: int, says: str, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(speech, tmp_path / "run", *more) == code
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("line", ["stepps = 3", 'precision = "fp16"', "rate = -1.0", "steps = true"])
def test_a_recipe_with_a_mistake_is_refused(line: str, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.toml").write_text(f"[training]\n{line}\n")
    assert ended(["separation", str(tmp_path / "recipe.toml"), "--data", str(speech), "--out", str(tmp_path / "run")]) == USAGE
    assert f"training.{line.split()[0]}" in capsys.readouterr().err


def test_another_recipe_or_other_speech_is_refused(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert run(speech, out) == 0
    recipe = tmp_path / "other.toml"
    recipe.write_text(RECIPE.format(steps=12) + "warmup = 7\n")
    arguments = ["separation", str(recipe), "--out", str(out)]
    other = voices(tmp_path / "other", speakers=4, utterances=2, seed=1)
    assert ended([*arguments, "--data", str(other)]) == USAGE
    assert "SD205" in (said := capsys.readouterr().err)
    assert "--data (dev), --data (train), training.warmup" in said


def test_weights_to_begin_with(speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that wants to hear of them does, once: what it made of them is part of the state that a training goes on from."""
    told: list[Tensor] = []
    monkeypatch.setattr(Loudness, "begun", lambda self: told.append(self.network.weight.clone()), raising=False)
    assert run(speech, tmp_path / "first") == 0
    assert not told
    start = tmp_path / "first" / "last.safetensors"
    for _ in range(2):
        assert run(speech, tmp_path / "second", "--start", str(start)) == 0
    first, second = (weights.read((tmp_path / name / "best.safetensors").read_bytes()) for name in ("first", "second"))
    assert not torch.equal(first.state_dict()["weight"], second.state_dict()["weight"])
    assert len(told) == 1 and torch.equal(told[0], weights.read(start.read_bytes()).state_dict()["weight"])


def test_a_finer_network_begins_as_the_one_whose_weights_it_has(tmp_path: Path) -> None:
    kind, shape = "segmenter", {"width": 16, "depth": 1, "heads": 2}
    file, out = tmp_path / "coarse.safetensors", tmp_path / "out.safetensors"
    weights.write(weights.make(kind, shape), kind, shape, file)
    fine = weights.make(kind, {**shape, "finer": 2}).eval()
    samples = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    coarse = weights.read(file.read_bytes()).eval()(samples)
    assert not torch.allclose(fine(samples), coarse, atol=1e-3)
    begin_with(SimpleNamespace(network=fine), file)  # type: ignore[arg-type]
    assert torch.equal(fine(samples), coarse)
    fine(samples).square().sum().backward()
    assert all(layer.weight.grad.any() for layer in fine.finer)  # type: ignore[union-attr]
    fine.finer[1].weight.data.fill_(0.5)  # type: ignore[union-attr, index]
    weights.write(fine, kind, {**shape, "finer": 2}, tmp_path / "fine.safetensors")
    blend(file, tmp_path / "fine.safetensors", 0.5, out)
    assert torch.equal(weights.named(str(out)).finer[1].weight.data.unique(), torch.tensor([0.25]))  # type: ignore[union-attr, index]


@pytest.mark.parametrize("kind", ["separator", "segmenter"])
def test_a_deeper_network_begins_as_the_shallower_one_whose_weights_it_has(kind: str, tmp_path: Path) -> None:
    shape = {"width": 16, "depth": 1, "heads": 2}
    file, other = tmp_path / "shallow.safetensors", tmp_path / "other.safetensors"
    weights.write(weights.make(kind, shape), kind, shape, file)
    weights.write(weights.make(kind, {**shape, "width": 32}), kind, {**shape, "width": 32}, other)
    shallow, deep = weights.read(file.read_bytes()).eval(), weights.make(kind, {**shape, "depth": 3}).eval()
    begin_with(SimpleNamespace(network=deep), file)  # type: ignore[arg-type]
    samples = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(deep(samples), shallow(samples))
    (deep(samples).square().sum()).backward()
    assert deep.blocks[2].mix.weight.grad.any()  # type: ignore[union-attr, index]
    with pytest.raises(SepdiarError, match="SD251"):
        begin_with(SimpleNamespace(network=deep), other)  # type: ignore[arg-type]


def test_a_network_of_other_blocks_begins_with_all_of_its_weights(tmp_path: Path) -> None:
    shape, file = {"width": 32, "depth": 2, "heads": 4, "bands": 24}, tmp_path / "eend.safetensors"
    weights.write(weights.make("eend", shape), "eend", shape, file)
    known, begun = weights.read(file.read_bytes()).state_dict(), weights.make("eend", shape)
    begin_with(SimpleNamespace(network=begun), file)  # type: ignore[arg-type]
    assert all(torch.equal(value, known[name]) for name, value in begun.state_dict().items())


@pytest.mark.parametrize("kind", ["separator", "segmenter"])
def test_between_two_weights(kind: str, tmp_path: Path) -> None:
    files = [tmp_path / f"{depth}.safetensors" for depth in (1, 2)]
    for depth, file in enumerate(files, 1):
        shape = {"width": 16, "depth": depth, "heads": 2}
        weights.write(weights.make(kind, shape), kind, shape, file)
    samples = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    shallow, deep = (weights.read(file.read_bytes()).eval() for file in files)
    for share, same in ((0.0, shallow), (1.0, deep)):
        blend(files[0], files[1], share, tmp_path / "out.safetensors")
        assert torch.equal(weights.named(str(tmp_path / "out.safetensors"))(samples), same(samples))
    blend(files[0], files[1], 0.5, tmp_path / "out.safetensors")
    half = weights.named(str(tmp_path / "out.safetensors")).state_dict()
    before, after = shallow.state_dict(), deep.state_dict()
    assert torch.allclose(half["norm.weight"], (before["norm.weight"] + after["norm.weight"]) / 2, atol=1e-3)
    assert torch.allclose(half["blocks.1.mix.weight"], after["blocks.1.mix.weight"] / 2, atol=1e-3)
    with pytest.raises(SepdiarError, match="SD251"):
        blend(files[1], files[0], 0.5, tmp_path / "out.safetensors")


def test_the_best_place_between_start_and_end_is_found_on_dev_and_exported(speech: Path, tmp_path: Path) -> None:
    assert run(speech, tmp_path / "run") == 0
    start = tmp_path / "start.safetensors"
    network = weights.read((tmp_path / "run/best.safetensors").read_bytes())
    shape = {"in_features": 32, "out_features": 1}
    with torch.no_grad():
        network.weight.mul_(-1)  # type: ignore[operator]
        network.bias.zero_()  # type: ignore[operator]
    weights.write(network, "loudness", shape, start)

    def found(*shares: float, more: Sequence[str] = ()) -> dict[str, Any]:
        words = [word for share in shares for word in ("--share", str(share))]
        told = ["settle", str(tmp_path / "run"), str(start), str(tmp_path / "settled"), "--data", str(speech), *words, *more]
        assert ended(told) == 0
        made: dict[str, Any] = json.loads((tmp_path / "settled/training.json").read_text())
        return made

    alone = {share: found(share)["figures"]["minus error"] for share in (0.0, 0.5, 1.0)}
    assert len(set(alone.values())) == 3
    summary = found(*alone)
    assert alone[summary["blend"]] == max(alone.values()) == summary["figures"]["minus error"]
    blend(start, tmp_path / "run/best.safetensors", summary["blend"], tmp_path / "same.safetensors")
    assert (tmp_path / "settled/best.safetensors").read_bytes() == (tmp_path / "same.safetensors").read_bytes()
    assert {file.name for file in (tmp_path / "settled").iterdir()} == {"best.safetensors", "lock", "train.toml", "training.json"}
    assert summary["start"] == digest(start) and summary["ended"] == digest(tmp_path / "run/best.safetensors")
    assert ended(["export", str(tmp_path / "settled"), str(tmp_path / "model")]) == 0
    assert tomllib.loads((tmp_path / "model/card.toml").read_text())["trained"]["blend"] == summary["blend"]
    shutil.copy(start, tmp_path / "run/last.safetensors")  # as if the training had gone there since
    assert found(1.0, more=("--newest", "0.5"))["newest"] == 0.5
    blend(tmp_path / "run/best.safetensors", start, 0.5, tmp_path / "same.safetensors")
    assert (tmp_path / "settled/best.safetensors").read_bytes() == (tmp_path / "same.safetensors").read_bytes()


def test_what_was_settled_never_lies_in_a_training(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(speech, tmp_path / "run") == 0
    best = tmp_path / "run/best.safetensors"
    before = best.read_bytes()
    assert ended(["settle", str(tmp_path / "run"), str(best), str(tmp_path / "run"), "--data", str(speech)]) == USAGE
    assert "SD205" in capsys.readouterr().err and best.read_bytes() == before


def test_export_fills_the_card_and_keeps_what_was_written(speech: Path, tmp_path: Path) -> None:
    assert run(speech, tmp_path / "run") == 0
    folder = tmp_path / "compact-loudness"
    assert ended(["export", str(tmp_path / "run"), str(folder)]) == 0
    card = folder / "card.toml"
    card.write_text(card.read_text().replace('about = ""', 'about = "how loud"  # by hand') + '[limits]\nrate = "16 kHz"\n')
    assert ended(["export", str(tmp_path / "run"), str(folder)]) == 0
    read = tomllib.loads(card.read_text())
    assert read["about"] == "how loud" and "# by hand" in card.read_text() and read["limits"] == {"rate": "16 kHz"}
    assert read["trained"]["steps"] == 12 and read["trained"]["dev"].keys() == {"minus error"}
    assert read["trained"]["given_responses"] == 0
    loaded = weights.load(weights.Model("compact-loudness", read["sha256"], folder, read))
    assert not loaded.training and (folder / "train.toml").read_text().startswith("# kept with its remarks")


def test_a_card_gets_its_hash_before_the_first_table() -> None:
    numbers = {"parameters": 1, "steps": 1, "best_step": 1, "seconds": 1.5, "figures": {"a": -1.0}, "sha256": "ff"}
    machine = {"processor": "p", "cores": 2, "packages": {"torch": "2"}, "date": "2026-01-01"}
    speech = {"hours": 1, "speakers": 2}
    summary = {**numbers, "train": speech, "dev": speech, "device": "CPU", "machine": machine}
    card = tomllib.loads(filled('name = "x"\n\n[data]\nsha256 = "of the data"\n', summary))
    assert card["sha256"] == "ff" and card["data"] == {"sha256": "of the data"} and card["trained"]["dev"] == {"a": -1}
    assert filled(filled('name = "x"\n', summary), summary) == filled('name = "x"\n', summary)


@pytest.mark.parametrize(("spoil", "code"), [("training.json", USAGE), ("best.safetensors", 3)])
def test_an_export_without_weights_is_refused(spoil: str, code: int, speech: Path, tmp_path: Path) -> None:
    assert run(speech, tmp_path / "run") == 0
    (tmp_path / "run" / spoil).unlink()
    assert ended(["export", str(tmp_path / "run"), str(tmp_path / "model")]) == code
    assert not (tmp_path / "model").exists()


def test_weights_that_were_changed_are_not_exported(speech: Path, tmp_path: Path) -> None:
    assert run(speech, tmp_path / "run") == 0
    best = tmp_path / "run" / "best.safetensors"
    best.write_bytes(best.read_bytes()[:-1] + b"\x00\x01")
    assert ended(["export", str(tmp_path / "run"), str(tmp_path / "model")]) == 1


def test_a_folder_that_cannot_be_written_is_named(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(speech, tmp_path / "run", "--out", str(tmp_path / "file" / "run")) == IO
    assert "SD305" in capsys.readouterr().err
