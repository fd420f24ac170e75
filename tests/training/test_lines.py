"""Lines: what comes out is at its place and in its band, and the two sources are what the codec made of their sum."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest

from sepdiar.audio.runs import runs
from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.simulation.manifest import read_manifest
from sepdiar.testing import voices
from sepdiar.training.corpus import RATE, Corpus, decoded, held_back
from sepdiar.training.lines import A_LAW, AMR, CALL, CALLED, MP3, MU_LAW, OPUS, Codec, Line, clipped, drawn, shared
from sepdiar.training.mixing import Mixer, Mixing, _asides
from sepdiar.training.separation import Separation

BARE = Mixing(full=1, partial=0, alone=0, speed=0, room=0, noise=0, band=0)
NEAR = 2  # samples
SEVERAL = [(MU_LAW, 0, CALL), (A_LAW, 0, CALL)] + [
    (codec, bits, rate)
    for codec, rates in ((AMR, (CALL,)), (OPUS, (CALL, RATE)), (MP3, (CALL, RATE)))
    for bits in (codec.bits[0], codec.bits[-1])
    for rate in rates
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    manifest = voices(tmp_path_factory.mktemp("voices"), speakers=4, utterances=4)
    return decoded(read_manifest(manifest), "all", tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def pair(corpus: Corpus) -> Samples:
    made: Samples = mixed(corpus, BARE)[0]
    return made


def mixed(corpus: Corpus, mixing: Mixing, count: int = 1, seed: int = 0, seconds: int = 4) -> Samples:
    return Mixer(corpus, mixing).batch(np.random.default_rng(seed), count, seconds * RATE)


def level(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def late(after: Samples, before: Samples) -> int:
    """Samples by which the one is behind the other, where they are most alike."""
    count = 2 * len(before)
    alike = np.fft.irfft(np.fft.rfft(after, count) * np.conj(np.fft.rfft(before, count)), count)
    at = int(alike.argmax())
    return at if at < count // 2 else at - count


@pytest.mark.parametrize(("codec", "bits", "rate"), SEVERAL)
def test_what_comes_out_of_a_codec_is_at_its_place(pair: Samples, codec: Codec, bits: int, rate: int) -> None:
    line = Line(300, 3400, rate=rate)
    before, after = (each.carry(pair) for each in (line, replace(line, codec=codec, bits=bits)))
    assert after.shape == pair.shape and after.dtype == np.float32
    assert abs(late(after.sum(0), before.sum(0))) <= NEAR
    for source, heard in zip(before, after, strict=True):
        assert abs(late(heard, source)) <= NEAR
        assert level(heard - source) < level(source) - 3  # a codec of speech keeps no more of the wave


@pytest.mark.parametrize("codec", [MU_LAW, AMR, OPUS])
def test_the_sources_add_up_to_what_the_codec_made_of_their_sum(pair: Samples, codec: Codec) -> None:
    seen: list[tuple[Samples, Samples]] = []

    class Seen(Codec):
        def through(self, samples: Samples, rate: int, bits: int) -> Samples:
            seen.append((samples, super().through(samples, rate, bits)))
            return seen[0][1]

    line = Line(300, 3400, Seen(*astuple(codec)), codec.bits[-1])
    mixture = line.carry(pair, peak=-6).sum(0)[:: RATE // CALL]
    (given, made), *_ = seen
    sources = replace(line, codec=None).carry(pair).sum(0)[:: RATE // CALL]
    factor = np.abs(sources).max() / np.abs(given).max()
    assert level(given * factor - sources) < level(sources) - 60 and np.abs(given).max() == pytest.approx(0.5, abs=0.01)
    assert level(made * factor - mixture) < level(mixture) - 45


def test_what_is_changed_goes_to_who_is_loud_there() -> None:
    time = np.arange(RATE) / RATE
    low, high = (np.sin(2 * np.pi * hertz * time).astype(np.float32) for hertz in (400, 2500))
    pair = shared(np.float32(0.1) * high, np.stack([low, high]), RATE)
    assert np.allclose(pair.sum(0), low + 1.1 * high, atol=1e-6)
    assert level(pair[0] - low) < -60 and level(pair[1] - np.float32(1.1) * high) < -60


def test_one_talker_alone_stays_alone_on_a_line(pair: Samples) -> None:
    lone = np.stack([pair[0], np.zeros_like(pair[0])])
    for codec in (MU_LAW, AMR):
        heard = Line(300, 3400, codec, codec.bits[0]).carry(lone)
        assert level(heard[1]) < level(heard[0]) - 50


def test_a_line_lets_its_band_through_and_nothing_else() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 2 * RATE)).astype(np.float32)
    for line, most in ((Line(300, 3400), -60.0), (CALLED, -25.0)):  # the 256 steps are heard outside too
        spectrum = np.square(np.abs(np.fft.rfft(line.carry(noise))))
        hertz = np.fft.rfftfreq(noise.shape[1], 1 / RATE)
        inside = spectrum[:, (hertz > 350) & (hertz < 3300)].mean()
        assert 10 * np.log10(spectrum[:, hertz < 150].mean() / inside) < most
        assert 10 * np.log10(spectrum[:, (hertz > 3650) & (hertz < 3950)].mean() / inside) < most
        assert 10 * np.log10(spectrum[:, hertz > 4001].mean() / inside) < -60
        assert 10 * np.log10(inside / np.square(np.abs(np.fft.rfft(noise))).mean()) == pytest.approx(0, abs=0.5)


def test_what_is_loud_is_coded_as_what_is_soft(pair: Samples) -> None:
    soft, loud = CALLED.carry(pair), CALLED.carry(pair * 8)
    assert level(loud / 8 - soft) < level(soft) - 50


def test_odd_lengths_and_silence_pass(pair: Samples) -> None:
    assert CALLED.carry(pair[:, :12345]).shape == (2, 12345)
    assert not CALLED.carry(np.zeros((2, RATE), np.float32)).any()


def test_peaks_are_cut_off_of_the_sum(pair: Samples) -> None:
    made = clipped(pair, 0.3).sum(0)
    most = 0.3 * np.abs(pair.sum(0)).max()
    assert np.abs(made).max() == pytest.approx(most, rel=1e-4)
    assert np.count_nonzero(np.abs(made) > 0.999 * most) > 10
    untouched = np.abs(pair.sum(0)) < most
    assert np.allclose(made[untouched], pair.sum(0)[untouched], atol=1e-6)


def test_lines_are_of_many_kinds_and_always_the_same_for_a_seed(corpus: Corpus) -> None:
    lines = [drawn(np.random.default_rng(seed)) for seed in range(200)]
    assert {line.codec for line in lines} == {MU_LAW, A_LAW, AMR, OPUS, MP3, None}
    phones = [line for line in lines if line.rate == CALL]
    assert len(phones) > 140 and all(200 <= line.low <= 400 and 3000 <= line.high <= 3950 for line in phones)
    mixing = replace(BARE, full=0.5, asides=0.5, line=0.7, clip=0.3, far=0.3)
    assert np.array_equal(mixed(corpus, mixing, 8), mixed(corpus, mixing, 8))


def test_who_is_far_is_up_to_15_db_softer(corpus: Corpus) -> None:
    apart = [level(one) - level(two) for one, two in mixed(corpus, replace(BARE, far=1, level=1), 24)]
    assert np.abs(apart).max() > 10 and np.abs(apart).max() < 19


def test_into_a_long_turn_the_other_says_short_things() -> None:
    for seed in range(8):
        one, two = np.ones((2, 24 * RATE), np.float32)
        _asides(one, two, np.random.default_rng(seed))
        heard = np.stack([one, two]).astype(np.float32) > 0.5
        both, alone = (runs(who) @ [-1 / RATE, 1 / RATE] for who in (heard.all(axis=0), heard[0] != heard[1]))
        begin = round(0.09 * len(one))
        assert heard[0, 160:begin].all() and not heard[1, 160:begin].any()  # each alone, first
        assert len(both) >= 3 and max(both) < 1.1 and max(alone) > 2
        assert max(np.concatenate([runs(who) @ [-1 / RATE, 1 / RATE] for who in heard])) >= 3


def test_speakers_held_back_are_always_the_same(corpus: Corpus) -> None:
    others, held = held_back(corpus, 2)
    assert len(held.speakers) == 2 and {*others.speakers, *held.speakers} == set(corpus.speakers)
    backwards = replace(corpus, clips=corpus.clips[::-1])
    assert set(held_back(backwards, 2)[1].speakers) == set(held.speakers)
    assert held_back(corpus, 0)[0].clips == corpus.clips
    with pytest.raises(SepdiarError, match="SD202"):
        held_back(corpus, 3)


def test_speakers_held_back_do_not_choose(corpus: Corpus) -> None:
    recipe = {"network": {"width": 64, "depth": 1}, "data": {"dev_pairs": 2, "dev_line": True, "test_speakers": 2}}
    task = Separation(recipe, corpus, corpus)
    figures = task.evaluate(task.network)
    assert list(figures) == ["improvement", "deviation", "clean", "line", "test clean", "test line"]
    assert figures["improvement"] == pytest.approx((figures["clean"] + figures["line"]) / 2)
    plain = Separation({**recipe, "data": {"dev_pairs": 2}}, corpus, corpus)
    assert list(plain.evaluate(task.network)) == ["improvement", "deviation"]
