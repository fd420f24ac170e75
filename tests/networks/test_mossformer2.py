"""MossFormer2: held to what its authors' package made of the same random weights, names and sizes included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from safetensors import safe_open
from torch import nn

from sepdiar.evaluation.mossformer2 import FULL, TINY
from sepdiar.evaluation.mossformer2_package import computed, draw
from sepdiar.networks import mossformer2
from sepdiar.networks.gated_attention import Depthwise
from sepdiar.networks.gated_memory import OverTime

KEPT = Path(__file__).parents[2] / "eval" / "mossformer2"


def drawn(**shape: int) -> dict[str, torch.Tensor]:
    """The weights that the package was given: drawn by name, but for those that follow from the shape."""
    state = mossformer2.Mossformer2(**shape).state_dict()
    return state | draw({name: value.shape for name, value in state.items() if not computed(name)})


def heard(state: dict[str, torch.Tensor], mixture: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return mossformer2.of(state)(mixture)


@pytest.mark.parametrize("name", ["tiny", "tiny-group", "tiny-short"])
def test_it_makes_what_the_package_of_its_authors_made(name):
    with safe_open(KEPT / f"{name}.safetensors", "pt") as file:
        names, mixture, package = json.loads(file.metadata()["weights"]), *map(file.get_tensor, ("mixture", "package"))
    state = drawn(**TINY)
    assert {name: list(value.shape) for name, value in state.items()} == names
    made, loudest = heard(state, mixture), package.abs().max()
    assert made.shape == (len(mixture), 2, mixture.shape[1])
    assert (made - package).abs().max() < 1e-5 * loudest


@pytest.mark.parametrize("part", ["qk_offset_scale.beta", "rotary_pos_emb.freqs", "conv.norm2.weight", "pos_enc.scale"])
def test_every_part_is_heard_in_what_it_was_held_to(part):
    state, mixture = drawn(**TINY), draw({"mixture": (1, 514)})["mixture"]
    before = heard(state, mixture)
    changed = {name: value * 1.3 if name.endswith(part) else value for name, value in state.items()}
    assert (heard(changed, mixture) - before).abs().max() > 1e-3 * before.abs().max()


def test_it_has_as_many_weights_as_the_package_at_full_size():
    results = {case["case"]: case for case in json.loads((KEPT / "results.json").read_text())}
    with torch.device("meta"):
        state = mossformer2.Mossformer2(**FULL).state_dict()
    for name in ("full", "full-long"):
        assert len(state) == results[name]["tensors"]
        assert sum(value.numel() for value in state.values()) == results[name]["weights"]
        assert results[name]["greatest difference"] < 1e-4 * results[name]["loudest"]


def test_a_mixture_does_not_hear_those_beside_it():
    state, mixtures = drawn(**TINY), draw({"mixture": (2, 701)})["mixture"]
    alone = torch.cat([heard(state, one[None]) for one in mixtures])
    assert (heard(state, mixtures) - alone).abs().max() < 1e-5 * alone.abs().max()
    assert (alone[0, 0] - alone[0, 1]).abs().max() > 0.01 * alone.abs().max()


def test_names_of_a_training_on_several_devices_load_too():
    state = drawn(**TINY)
    loaded = mossformer2.of({f"module.{name}": value.double() for name, value in state.items()}).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_weights_of_another_network_are_refused():
    state = drawn(**TINY)
    with pytest.raises(KeyError):
        mossformer2.of({"weight": torch.ones(2)})
    with pytest.raises(RuntimeError, match=r"mask_net\.prelu\.weight"):
        mossformer2.of({name: value for name, value in state.items() if name != "mask_net.prelu.weight"})


@pytest.mark.parametrize("count", [1, 2, 37, 300, 301])
@pytest.mark.parametrize("batch", [1, 3])
def test_convolutions_over_time_are_those_of_torch(count: int, batch: int) -> None:
    """They are asked for in a way that a CPU is quick at."""
    draw = torch.Generator().manual_seed(count)
    frames = torch.randn(batch, count, 24, generator=draw)
    near = Depthwise(24)
    with torch.inference_mode():
        expected = near.conv(frames.transpose(1, 2)).transpose(1, 2)
        assert torch.allclose(near(frames), expected, atol=1e-6)
        for made, dilation in ((24, 1), (12, 2), (8, 3)):
            layer = OverTime(24, made, dilation)
            channels = frames.transpose(1, 2)[..., None]
            assert torch.allclose(layer(channels), nn.Conv2d.forward(layer, channels), atol=1e-5)


@pytest.mark.parametrize("width", [1, 8, 15, 16, 24])
def test_convolutions_over_time_end_in_half_precision(width: int) -> None:
    frames = torch.randn(2, 60, width, generator=torch.Generator().manual_seed(width))
    near, layer = Depthwise(width), OverTime(width, width, 2)
    channels = frames.transpose(1, 2)[..., None]
    with torch.inference_mode():
        with torch.autocast("cpu", torch.bfloat16):
            rough = near(frames), layer(channels)
        assert all(one.dtype == torch.bfloat16 for one in rough)
        for one, exact in zip(rough, (near(frames), layer(channels)), strict=True):
            assert (one - exact).abs().max() < 0.02 * exact.abs().max()
