"""A device with too little memory: fewer windows at once, then shorter ones, the same samples, and a line in the provenance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span, Turn, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.tdanet import random
from sepdiar.networks.tdanet import Tdanet
from sepdiar.separation.compute import chosen
from sepdiar.separation.portion import lacking
from sepdiar.separation.tdanet import CHECKPOINT, TDANet


class Full(TDANet):
    """A separator on a device that holds so many samples of mixtures at once."""

    holds = 10**9
    error: type[Exception] = torch.OutOfMemoryError

    def split(self, mixtures: Samples) -> Samples:
        if mixtures.size > self.holds:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a total capacity of 1 GiB")
        return super().split(mixtures)


@dataclass(frozen=True)
class Talk:
    """Noise of two, with one overlap that is longer than a window and one that is shorter."""

    mixture: ArrayAudio
    turns: tuple[Turn, ...]


@pytest.fixture(scope="session")
def talk() -> Talk:
    rng, rate = np.random.default_rng(1), 16_000
    turns = [Turn(speaker, Span(start * rate, end * rate)) for speaker, start, end in (("A", 0, 11), ("B", 1, 13), ("A", 18, 20))]
    turns.append(Turn("B", Span(19 * rate, 22 * rate)))
    frames = np.zeros(22 * rate, np.float32)
    for turn in turns:
        frames[turn.span.start : turn.span.end] += 0.05 * rng.standard_normal(len(turn.span)).astype(np.float32)
    return Talk(ArrayAudio(frames, rate), mark_overlaps(turns))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = Tdanet(outer=8, width=16, depth=3, kernel=16, passes=1)
    path = tmp_path_factory.mktemp("tiny") / CHECKPOINT
    torch.save({"state_dict": random(network.state_dict()), "model_args": {"num_blocks": 1, "sample_rate": 16_000}}, path)
    return path


@pytest.fixture
def separator(checkpoint):
    def make(holds: float = 10**9, window: float = 8.0, error: type[Exception] = torch.OutOfMemoryError) -> Full:
        made = Full(path=str(checkpoint), window=window)
        made.holds, made.error = round(holds), error
        return made

    return make


def samples(outcome) -> Samples:
    return outcome.made.read(Span(0, outcome.made.samples))


def less(outcome) -> object:
    return outcome.provenance.parameters.get("out_of_memory")


def test_fewer_windows_at_once_are_the_same_samples(talk, separated, separator):
    plain = separated(talk, separator(), talk.mixture)
    small = separated(talk, separator(holds=8 * 16_000), talk.mixture)
    alone = separated(talk, separator(), talk.mixture, batch=1)
    assert less(plain) is None and less(small) == {"times": 3, "batch": 1, "window": 8.0}
    assert (samples(small) == samples(plain)).all() and (samples(alone) == samples(plain)).all()
    assert small.conversation.tracks == plain.conversation.tracks
    told = [one.provenance.parameters for one in (small, plain)]
    assert told[0] == told[1] | {"out_of_memory": less(small)} and told[0]["batch"] == 8 and told[0]["precision"] == "fp32"


@pytest.mark.parametrize("settings", [{}, {"everywhere": True}])
def test_shorter_windows_are_as_if_they_had_been_so_from_the_start(talk, separated, separator, settings):
    small = separated(talk, separator(holds=4.5 * 16_000), talk.mixture, **settings)
    asked = separated(talk, separator(window=4.0), talk.mixture, **settings)
    plain = separated(talk, separator(), talk.mixture, **settings)
    assert less(small) == {"times": 4, "batch": 1, "window": 4.0}
    assert (samples(small) == samples(asked)).all() and (samples(small) != samples(plain)).any()
    assert small.provenance.parameters == asked.provenance.parameters | {"out_of_memory": less(small)}


def test_the_next_recording_begins_with_all_again(talk, separated, separator):
    one = separator(holds=8 * 16_000)
    assert less(separated(talk, one, talk.mixture)) == less(separated(talk, one, talk.mixture))


def test_where_one_short_window_is_too_much_it_is_refused(talk, separated, separator):
    with pytest.raises(SepdiarError, match="SD254") as refused:
        separated(talk, separator(holds=100), talk.mixture)
    assert "one window of 2 s" in refused.value.what and "CUDA out of memory" in refused.value.what
    assert "GPU 0" not in refused.value.what and "--device cpu" in refused.value.hint


def test_another_error_is_not_mended(talk, separated, separator):
    with pytest.raises(ValueError, match="out of memory"):
        separated(talk, separator(holds=100, error=ValueError), talk.mixture)


def test_every_way_in_which_memory_is_said_to_lack_is_known():
    with pytest.raises(RuntimeError) as real:
        torch.empty(1 << 62, dtype=torch.uint8)
    assert lacking(real.value) and lacking(MemoryError()) and lacking(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert not lacking(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_precision_is_full_on_a_cpu_and_half_where_it_is_asked_for(checkpoint):
    mixtures = np.random.default_rng(0).standard_normal((3, 16_000)).astype(np.float32)
    full, half = (TDANet(path=str(checkpoint), precision=precision) for precision in ("auto", "bf16"))
    assert (full.precision, half.precision) == ("fp32", "bf16")
    one, other = full.split(mixtures), half.split(mixtures)
    assert other.dtype == np.float32 and 0 < np.sum((one - other) ** 2) < 1e-2 * np.sum(one**2)
    assert (full.split(mixtures[1:2]) == one[1:2]).all()
    with pytest.raises(SepdiarError, match=r"SD202.*separate\.tdanet\.precision"):
        TDANet(path=str(checkpoint), precision="fp16")
    assert chosen(torch.device("cuda"), "fp32") == "fp32"
