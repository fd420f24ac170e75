"""Mixtures of two: who is heard in them when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sepdiar.audio.runs import runs
from sepdiar.audio.source import Samples
from sepdiar.simulation.manifest import read_manifest
from sepdiar.testing import voices
from sepdiar.training.corpus import RATE, Corpus, decoded
from sepdiar.training.mixing import FADE, Mixer, Mixing

BARE = Mixing(full=0, partial=0, alone=0, speed=0, room=0, noise=0, band=0)
SECONDS = 8


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    manifest = voices(tmp_path_factory.mktemp("voices"), speakers=4, utterances=4)
    return decoded(read_manifest(manifest), "all", tmp_path_factory.mktemp("cache"))


def pairs(corpus: Corpus, mixing: Mixing, count: int = 12, seed: int = 0) -> Samples:
    return Mixer(corpus, mixing).batch(np.random.default_rng(seed), count, SECONDS * RATE)


def loudness(pair: Samples) -> Samples:
    """Of each source, in each 20 ms, against its own loudest."""
    power = np.square(pair.astype(np.float64)).reshape(2, -1, RATE // 50).sum(2)
    made: Samples = (power / power.max(axis=1, keepdims=True)).astype(np.float32)
    return made


def test_the_same_seed_gives_the_same_mixtures(corpus: Corpus) -> None:
    mixing = replace(Mixing(), full=0.2, anchored=0.2, packed=0.2)
    assert np.array_equal(pairs(corpus, mixing), pairs(corpus, mixing))
    assert not np.array_equal(pairs(corpus, mixing), pairs(corpus, mixing, seed=1))


def test_one_talker_alone_has_nobody_beside_him(corpus: Corpus) -> None:
    for pair in pairs(corpus, replace(BARE, alone=1)):
        power = np.sort(np.square(pair, dtype=np.float64).mean(axis=1))
        assert power[0] < 1e-3 * power[1]  # of noise, both sources have half


def test_what_is_packed_begins_with_each_alone_and_goes_on_in_short_windows(corpus: Corpus) -> None:
    lengths = []
    for pair in pairs(corpus, replace(BARE, packed=1)):
        heard = loudness(pair) > 1e-3
        tenth = heard.shape[1] // 10
        begin = heard[:, : tenth - 1].sum(axis=1)
        first = int(begin.argmax())
        assert begin[1 - first] < 0.1 * begin[first]  # the one alone, then the other
        assert heard[1 - first, 2 * tenth :].any() and heard[first, 2 * tenth :].any()
        lengths += [(end - start) / 50 for start, end in runs(heard.all(axis=0)).tolist()]
    assert len(lengths) > 24 and max(lengths) <= 2.5 + 2 * FADE / RATE + 0.04
    assert np.median(lengths) < 0.8
