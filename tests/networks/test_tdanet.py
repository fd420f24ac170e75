"""TDANet: held to what its authors' program made of the same random weights; a mixture does not hear those beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from safetensors.torch import load_file

from sepdiar.evaluation.tdanet import CASES, FULL, mixtures, random
from sepdiar.networks import tdanet

KEPT = Path(__file__).parents[2] / "eval" / "tdanet"
TINY = {"outer": 8, "width": 16, "depth": 3, "kernel": 16, "passes": 2}


def drawn(**shape: int) -> dict[str, torch.Tensor]:
    return random(tdanet.Tdanet(**shape).state_dict())


@pytest.mark.parametrize("name", ["tiny", "tiny-two-speeds", "tiny-short"])
def test_it_makes_what_the_program_of_its_authors_made(name):
    given, samples = CASES[name]
    kept = load_file(KEPT / f"{name}.safetensors")
    kernel = 16 * given["enc_kernel_size"]
    state = drawn(outer=8, width=16, depth=given["upsampling_depth"], kernel=kernel, passes=1)
    assert torch.equal(kept["mixture"], mixtures(samples))
    with torch.inference_mode():
        made = tdanet.of(state, given["num_blocks"])(kept["mixture"])
        other = tdanet.of(state, given["num_blocks"] - 1)(kept["mixture"])
    assert made.shape == (2, 2, samples)
    loudest = kept["theirs"].abs().max()
    assert (made - kept["theirs"]).abs().max() < 1e-5 * loudest < 1e-3 * (other - kept["theirs"]).abs().max()


def test_it_has_as_many_weights_as_the_published_ones():
    results = {case["case"]: case for case in json.loads((KEPT / "results.json").read_text())}
    for name, kernel in (("2ms", 32), ("4ms", 64)):
        state = tdanet.Tdanet(FULL["out_channels"], FULL["in_channels"], FULL["upsampling_depth"], kernel).state_dict()
        assert sum(value.numel() for value in state.values()) == results[name]["weights"]
        assert len(state) == results[name]["tensors"] - 1  # theirs keeps a table of places
        assert results[name]["greatest difference"] < 1e-5 * results[name]["loudest"]


def test_a_mixture_does_not_hear_those_beside_it():
    network, both = tdanet.of(drawn(**TINY), 2), mixtures(900)
    with torch.inference_mode():
        together, alone = network(both), torch.cat([network(one[None]) for one in both])
    assert (together - alone).abs().max() < 1e-6 * alone.abs().max()
    assert (alone[0, 0] - alone[0, 1]).abs().max() > 0.01 * alone.abs().max()


@pytest.mark.parametrize("samples", [1, 15, 16, 17, 163])
def test_any_number_of_samples_comes_back(samples):
    with torch.inference_mode():
        assert tdanet.of(drawn(**TINY))(torch.ones(1, samples)).shape == (1, 2, samples)


def test_the_weights_of_another_network_are_refused():
    state = drawn(**TINY)
    missing = {name: value for name, value in state.items() if name != "sm.unet.globalatt.attn.norm.weight"}
    for other in ({}, missing, state | {"more": torch.ones(1)}):
        with pytest.raises((KeyError, RuntimeError)):
            tdanet.of(other)
    with pytest.raises(ValueError, match="18 samples"):
        tdanet.of(state | {"encoder.weight": torch.ones(9, 1, 18)})
