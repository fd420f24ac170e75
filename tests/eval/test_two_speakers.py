"""The benchmarks of two speakers: their layouts, made here, read and scored; figures checked by hand and by others' code."""

from __future__ import annotations

import csv
import json

import fast_bss_eval
import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from torchmetrics.functional.audio import scale_invariant_signal_noise_ratio

import sepdiar
from sepdiar.cli import sepdiar as front
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import shipped
from sepdiar.evaluation.summary import kinds
from sepdiar.evaluation.two_speakers.layouts import LAYOUTS, mixtures
from sepdiar.evaluation.two_speakers.measure import KEPT, measured
from sepdiar.evaluation.two_speakers.scores import scored
from sepdiar.evaluation.two_speakers.separators import heard, opened
from sepdiar.events import silence
from sepdiar.separation.band import brought_to

RATE = 8000
NOISY = {"mix_both", "mix_single", "mix_both_reverb", "mix_both_anechoic"}
FOLDERS = {
    "wsj0mix": ("mix", "s1", "s2"),
    "wham": ("mix_both", "mix_clean", "mix_single", "s1", "s2", "noise"),
    "whamr": (
        *(f"mix_{kind}_{room}" for kind in ("both", "clean") for room in ("reverb", "anechoic")),
        *(f"s{number}_{room}" for number in (1, 2) for room in ("anechoic", "reverb")),
        "noise",
    ),
    "librimix": ("mix_clean", "mix_both", "s1", "s2", "noise"),
}


def voices(seed, rate=RATE, seconds=1.5):
    """Two sounds that have little in common, in different bands, and noise."""
    rng = np.random.default_rng(seed)
    shapes = [np.convolve(rng.standard_normal(round(seconds * rate)), taps, "same") for taps in ([1, 1, 1], [1, -1, 1], [1])]
    return [(0.08 * level * shape).astype(np.float32) for level, shape in zip((1.0, 0.7, 0.1), shapes, strict=True)]


@pytest.fixture
def layout(tmp_path):
    """Writes a benchmark as its own scripts do: three mixtures of the test set, 16 bits, at both rates where asked."""

    def write(name, rates=(RATE,), modes=("min",), split="", inner=""):
        for rate, mode in [(rate, mode) for rate in rates for mode in modes]:
            place = tmp_path / "data" / inner / f"wav{rate // 1000}k" / mode / (split or LAYOUTS[name].splits[0])
            for number in range(3):
                first, second, noise = voices(number, rate)
                echo = {one: np.convolve(sound, [1, 0, 0, 0.5])[: len(sound)] for one, sound in (("1", first), ("2", second))}
                for folder in FOLDERS[name]:
                    (place / folder).mkdir(parents=True, exist_ok=True)
                    one, two = (echo["1"], echo["2"]) if folder.endswith("reverb") else (first, second)
                    made = {"s1": one, "s2": two, "no": noise}.get(folder[:2], one + (0 if "single" in folder else two))
                    made = made + noise if folder in NOISY else made
                    soundfile.write(place / folder / f"011a010{number}_0.5_22ga010{number}_-0.5.wav", made, rate, "PCM_16")
        return tmp_path / "data"

    return write


class Given:
    """Gives what a test wants for each mixture."""

    window = 6.0

    def __init__(self, make, rate=RATE):
        self.make, self.rate, self.calls = make, rate, 0

    def split(self, batch):
        self.calls += 1
        return np.stack([self.make(mixture) for mixture in batch])


def of_mixture(seed=0):
    first, second, noise = voices(seed)
    return np.stack([first, second]), first + second, noise


def test_the_mixture_given_twice_is_no_improvement():
    sources, mixture, _ = of_mixture()
    score = scored("x", sources, mixture, np.stack([mixture, mixture]))
    assert score.si_sdr_improvement == score.sdr_improvement == 0.0


def test_the_sources_themselves_in_any_order_and_at_any_level_reach_the_limit():
    sources, mixture, _ = of_mixture()
    score = scored("x", sources, mixture, np.stack([0.3 * sources[1], 2 * sources[0] + 0.01]))
    assert score.si_sdr == pytest.approx(100, abs=25) and score.si_sdr > 75


def test_orthogonal_noise_of_a_tenth_of_the_energy_is_ten_decibels():
    time = np.arange(8000) / 8000
    tones = np.stack([np.sin(2 * np.pi * hertz * time) for hertz in (100, 200, 300)]).astype(np.float32)
    score = scored("x", tones[:2], tones[0] + tones[1], tones[:2] + np.float32(10**-0.5) * tones[2])
    assert score.si_sdr == pytest.approx(10, abs=1e-3)
    assert score.si_sdr_mixture == pytest.approx(0, abs=1e-3)
    assert score.si_sdr_improvement == pytest.approx(10, abs=2e-3)


def test_the_order_is_that_of_the_best_mean():
    sources, mixture, noise = of_mixture(4)
    outputs = np.stack([sources[1] + noise, sources[0] + 2 * noise])
    assert scored("x", sources, mixture, outputs) == scored("x", sources, mixture, outputs[::-1])


@pytest.mark.parametrize("seed", range(4))
def test_others_count_the_same(seed):
    sources, mixture, noise = of_mixture(seed)
    outputs = np.stack([sources[1] + 0.4 * sources[0] + noise, np.convolve(sources[0], [0.2, 1, 0.3])[: len(mixture)] + noise])
    outputs = outputs.astype(np.float32) + 0.01
    score = scored("x", sources, mixture, outputs)
    made, true, mixed = (np.ascontiguousarray(one, np.float64) for one in (outputs[::-1], sources, np.stack([mixture] * 2)))
    for mine, theirs in ((score.si_sdr, made), (score.si_sdr_mixture, mixed)):
        given = scale_invariant_signal_noise_ratio(torch.from_numpy(theirs), torch.from_numpy(true))
        assert mine == pytest.approx(float(given.mean()), abs=1e-4)
    for mine, theirs in ((score.sdr, made), (score.sdr_mixture, mixed)):
        assert mine == pytest.approx(float(fast_bss_eval.sdr(true, theirs).mean()), abs=1e-3)


def test_a_silent_source_is_refused():
    sources, mixture, _ = of_mixture()
    with pytest.raises(SepdiarError, match=r"SD602.*source 2 is silent"):
        scored("x", np.stack([sources[0], 0 * sources[1]]), mixture, sources)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_layout_is_read_whole(layout, name):
    data = layout(name, rates=(8000, 16_000), modes=("min", "max"))
    for condition, (folder, sources) in LAYOUTS[name].conditions.items():
        found = mixtures(LAYOUTS[name], data, 16_000, "max", LAYOUTS[name].splits[0], condition)
        assert [one.name for one in found] == sorted(one.name for one in found) and len(found) == 3
        assert found[0].name == "011a0100_0.5_22ga0100_-0.5"
        assert [path.parent.name for path in (found[0].file, *found[0].sources)] == [folder, *sources]


@pytest.mark.parametrize(("name", "inner"), [("librimix", "Libri2Mix"), ("wsj0mix", "2speakers"), ("whamr", "whamr")])
def test_the_folder_above_will_do(layout, name, inner):
    layout_of = LAYOUTS[name]
    condition = next(iter(layout_of.conditions))
    assert len(mixtures(layout_of, layout(name, inner=inner), RATE, "min", layout_of.splits[0], condition)) == 3


def test_what_is_missing_is_said_with_what_to_get_from_whom(layout, tmp_path):
    wanted = (LAYOUTS["whamr"], RATE, "min", "tt", "mix_both_reverb")

    def refused(data, **other):
        with pytest.raises(SepdiarError) as found:
            mixtures(wanted[0], data, **{**dict(zip(("rate", "mode", "split", "condition"), wanted[1:], strict=True)), **other})
        return found.value

    assert "no such folder" in refused(tmp_path / "nowhere").what
    error = refused(tmp_path)
    assert error.code == "SD603" and "neither wav8k nor wav16k" in error.what
    assert "LDC93S6A" in error.hint and "CC BY-NC 4.0" in error.hint
    data = layout("whamr")
    assert "there are: wav8k/min" in refused(data, mode="max").what
    assert "there are: min/tt" in refused(data, split="cv").what
    (data / "wav8k/min/tt/s2_anechoic/011a0101_0.5_22ga0101_-0.5.wav").unlink()
    assert "s2_anechoic lacks 011a0101_0.5_22ga0101_-0.5.wav" in refused(data).what
    assert refused(data, rate=44_100).code == refused(data, condition="mix_single").code == "SD202"


def test_the_table_of_librimix_says_what_must_be_there(layout):
    data = layout("librimix")
    folder = data / "wav8k/min/metadata"
    folder.mkdir()
    with (folder / "mixture_test_mix_clean.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["mixture_ID", "mixture_path", "source_1_path", "source_2_path", "length"])
        rows.writerows([f"011a010{number}_0.5_22ga010{number}_-0.5", "/elsewhere/a.wav", "", "", 12_000] for number in range(4))
    with pytest.raises(SepdiarError, match="mix_clean lacks 011a0103"):
        mixtures(LAYOUTS["librimix"], data, RATE, "min", "test", "mix_clean")


def test_another_rate_is_brought_to_the_separator_and_back():
    time = np.arange(8000) / 8000
    mixture = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    separator = Given(lambda sound: np.stack([sound, -sound]), rate=16_000)
    made = heard(separator, mixture, 8000, "x")
    assert made.shape == (2, 8000) and np.abs(made[0] - mixture)[100:-100].max() < 1e-3


def test_a_separator_that_gives_something_else_or_runs_out_of_memory_is_told():
    with pytest.raises(SepdiarError, match="SD901"):
        heard(Given(lambda sound: sound[None]), np.ones(80, np.float32), RATE, "x")

    def full(sound):
        raise MemoryError

    with pytest.raises(SepdiarError, match="SD254"):
        heard(Given(full), np.ones(80, np.float32), RATE, "x")


def test_what_is_scored_is_not_scored_again_and_never_mixed_with_another(layout, tmp_path):
    found = mixtures(LAYOUTS["wsj0mix"], layout("wsj0mix"), RATE, "min", "tt", "mix")
    separator, out = Given(lambda sound: np.stack([sound, sound])), tmp_path / "out"
    first = measured(separator, found[:2], RATE, RATE, {"of": "this"}, out, silence)
    with (out / KEPT).open("a") as file:
        file.write('{"name": "cut o')  # a command that was killed while it wrote
    assert measured(separator, found, RATE, RATE, {"of": "this"}, out, silence)[:2] == first
    assert separator.calls == 3 and len((out / KEPT).read_text().splitlines()) == 4
    with pytest.raises(SepdiarError, match=r"SD205.*another of then"):
        measured(separator, found, RATE, RATE, {"of": "that"}, out, silence)


def test_files_that_do_not_belong_together_are_refused(layout, tmp_path):
    data = layout("wsj0mix")
    found = mixtures(LAYOUTS["wsj0mix"], data, RATE, "min", "tt", "mix")
    separator = Given(lambda sound: np.stack([sound, sound]))
    soundfile.write(found[0].sources[1], voices(0)[0][:500], RATE)
    with pytest.raises(SepdiarError, match=r"SD603.*12000, 500, 12000 samples"):
        measured(separator, found, RATE, RATE, {}, tmp_path / "out", silence)
    soundfile.write(found[0].sources[1], voices(0)[0], 16_000)
    with pytest.raises(SepdiarError, match=r"SD603.*at 16000 Hz, not one at 8000 Hz"):
        measured(separator, found, RATE, RATE, {}, tmp_path / "out", silence)


@pytest.mark.parametrize("name", FOLDERS)
def test_an_oracle_scores_as_its_own_error(layout, tmp_path, name):
    """Sources plus an echo of the other at a known level: the whole way from the files to the figures."""
    layout_of = LAYOUTS[name]
    condition = next(name for name in layout_of.conditions if "clean" in name or name == "mix")
    found = mixtures(layout_of, layout(name), RATE, "min", layout_of.splits[0], condition)
    truth = iter(found)

    def oracle(mixture):
        first, second = (soundfile.read(path, dtype="float32")[0] for path in next(truth).sources)
        return np.stack([second + 0.1 * first, first + 0.1 * second])

    for score in measured(Given(oracle), found, RATE, RATE, {}, tmp_path / "out", silence):
        assert 18 < score.si_sdr < 22 and -3 < score.si_sdr_mixture < 1


def test_what_is_heard_at_one_rate_can_be_scored_at_a_lower(layout, tmp_path):
    """Outputs that lack nothing below 4 kHz, and all above."""
    found = mixtures(LAYOUTS["wsj0mix"], layout("wsj0mix", rates=(16_000,)), 16_000, "min", "tt", "mix")
    low = {}

    def oracle(mixture):
        sources = np.stack([soundfile.read(path, dtype="float32")[0] for path in next(truth).sources])
        return brought_to(brought_to(sources, 16_000, 8000, 12_000), 8000, 16_000, 24_000)

    for rate in (16_000, 8000):
        truth = iter(found)
        low[rate] = measured(Given(oracle, 16_000), found, 16_000, rate, {"at": rate}, tmp_path / str(rate), silence)[0].si_sdr
    assert low[16_000] < 10 and low[8000] > 20


@pytest.mark.parametrize("name", FOLDERS)
def test_the_command_says_what_the_library_says(layout, tmp_path, name):
    data, out = layout(name), tmp_path / "out"
    arguments = ["eval", name, str(data), "--out", str(out), "--limit", "2"]
    done = CliRunner().invoke(front, [*arguments, "--json"], catch_exceptions=False)
    results = json.loads(done.stdout)
    assert done.exit_code == 0 and results == json.loads((out / "results.json").read_text())
    assert results["separator"]["name"] == "compact" and results["mixtures"] == 2 and results["of"] == 3
    assert kinds.told("results", results), "the page of all results knows what is written"
    shown = CliRunner().invoke(front, arguments, catch_exceptions=False).stdout
    readme = (out / "README.md").read_text()
    for row in shipped.reference(name).rows:
        assert f"{row.figures['si_sdr_improvement']:.1f}" in shown and row.system in readme and row.source in readme
    assert "the first 2 of 3 mixtures" in readme and "resampled to the 16000 Hz" in readme
    again = getattr(sepdiar.eval, name)(data, out, limit=2)
    assert again["figures"]["si_sdr"] == {
        **results["figures"]["si_sdr"],
        "interval": tuple(results["figures"]["si_sdr"]["interval"]),
    }
    figures = again["figures"]
    difference = figures["si_sdr"]["value"] - figures["si_sdr_mixture"]["value"]
    assert figures["si_sdr_improvement"]["value"] == pytest.approx(difference, abs=0.011)


def test_only_a_blind_separator_can_be_heard():
    with pytest.raises(SepdiarError, match=r"SD202.*masking gives no sources"):
        opened(shipped.recipe("wsj0mix"), "masking", None, ())
    with pytest.raises(SepdiarError, match="SD201"):
        opened(shipped.recipe("wsj0mix"), "nonesuch", None, ())


def test_what_a_separator_is_made_of_is_known():
    blind, known = opened(shipped.recipe("librimix"), None, None, ["separate.compact.window=5.0"])
    assert (blind.window, known["parameters"], known["rate"]) == (5.0, {"window": 5.0}, 16_000)
    assert known["model"] == "compact-separation" and len(known["model_sha256"]) == 64


@pytest.mark.parametrize("name", FOLDERS)
def test_every_published_row_has_its_protocol_and_source(name):
    reference = shipped.reference(name)
    assert reference.rows and reference.downloads and all(row.protocol and row.source and row.figures for row in reference.rows)
    assert all(one.licence and one.home.startswith("http") for one in reference.downloads)
    assert reference.rows[0].figures["si_sdr_improvement"] > 5
