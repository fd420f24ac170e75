"""SI-SDR, SDR and leakage: by hand, against torchmetrics, mir_eval and fast_bss_eval, and the laws they keep."""

from __future__ import annotations

import math
from dataclasses import replace

import fast_bss_eval
import mir_eval
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from sepdiar.audio import source
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, merged
from sepdiar.errors import SepdiarError
from sepdiar.formats import rttm
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics import score
from sepdiar.metrics.activity import of_energy, patterns
from sepdiar.metrics.energies import decibels, si_sdr
from sepdiar.metrics.result import added
from sepdiar.metrics.separation import separation

RATE = 8000


def audio(*channels):
    return ArrayAudio(np.array(channels, np.float32).T.copy(), RATE)


def said(speaker, start, end, session="talk"):
    return Segment(session, speaker, Span(round(start * TICKS), round(end * TICKS)))


@pytest.fixture(scope="module")
def talk():
    """Ten seconds: A alone to 4, both to 6, B alone to 9, then nobody; estimates are crossed, and leak."""
    random = np.random.default_rng(7)
    true = lfilter([1.0], [1, -0.9], random.standard_normal((2, 10 * RATE))) * np.array([[0.05], [0.02]])
    true[0, 6 * RATE :] = 0
    true[1, : 4 * RATE] = 0
    true[1, 9 * RATE :] = 0
    made = 0.8 * true + 0.1 * true[::-1] + 0.001 * random.standard_normal(true.shape)
    return true.astype(np.float32), made[::-1].astype(np.float32)


TURNS = [said("first", 0, 6), said("second", 4, 9)]


def test_si_sdr_by_hand():
    # reference (2, 0), estimate (3, 4): the target is (3, 0), the rest (0, 4): 9 over 16
    assert si_sdr(4.0, 25.0, 6.0) == pytest.approx(10 * math.log10(9 / 16))
    result = separation(audio([2, 0], [0, 1]), audio([3, 4], [0, 1]))
    first, second = result.figures["channels"]
    assert first["si_sdr"] == pytest.approx(10 * math.log10(9 / 16))
    assert (second["si_sdr"], result.value) == (100, pytest.approx((100 + 10 * math.log10(9 / 16)) / 2))
    # the mixture (2, 1) against (2, 0): 4 over 1
    assert first["improvement"] == pytest.approx(10 * math.log10(9 / 16) - 10 * math.log10(4))


def test_limits():
    assert (decibels(1, 0), decibels(0, 1), decibels(0, 0), decibels(1, 1e-30)) == (100, -100, -100, 100)
    assert si_sdr(0.0, 1.0, 0.0) is None


def test_against_torchmetrics(talk):
    true, made = talk
    result = separation(audio(*true), audio(*made))
    theirs = scale_invariant_signal_distortion_ratio(torch.tensor(made[::-1].copy()).double(), torch.tensor(true).double())
    rows = result.figures["channels"]
    assert [row["hypothesis_channel"] for row in rows] == [1, 0]
    assert [row["si_sdr"] for row in rows] == pytest.approx(theirs.tolist(), abs=1e-3)
    mixture = np.stack([true.sum(axis=0)] * 2)
    before = scale_invariant_signal_distortion_ratio(torch.tensor(mixture).double(), torch.tensor(true).double())
    assert [row["improvement"] for row in rows] == pytest.approx((theirs - before).tolist(), abs=1e-3)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_sdr_against_two_others(talk, monkeypatch):
    true, made = talk[0][:, 3 * RATE : 7 * RATE], talk[1][:, 3 * RATE : 7 * RATE]
    ours = [row["sdr"] for row in separation(audio(*true), audio(*made)).figures["channels"]]
    assert ours == pytest.approx(fast_bss_eval.sdr(true.astype(float), made.astype(float)).tolist(), abs=1e-4)
    sdr, *_ = mir_eval.separation.bss_eval_sources(true.astype(float), made.astype(float))
    assert ours == pytest.approx(sdr.tolist(), abs=0.5)  # its filter may also use the other reference
    monkeypatch.setattr(source.blocks, "__defaults__", (None, 1000))
    again = [row["sdr"] for row in separation(audio(*true), audio(*made)).figures["channels"]]
    assert again == pytest.approx(ours, abs=1e-6)


def test_clean_overlapped_and_leakage(talk):
    true, made = talk
    first, second = separation(audio(*true), audio(*made), turns=TURNS).figures["channels"]
    a, b, c = 4 * RATE, 6 * RATE, 9 * RATE
    assert first["si_sdr_clean"] == pytest.approx(_si_sdr(true[0, :a], made[1, :a]), abs=1e-4)
    assert second["si_sdr_clean"] == pytest.approx(_si_sdr(true[1, b:c], made[0, b:c]), abs=1e-4)
    assert first["si_sdr_overlap"] == pytest.approx(_si_sdr(true[0, a:b], made[1, a:b]), abs=1e-4)
    assert second["si_sdr_overlap"] == pytest.approx(_si_sdr(true[1, a:b], made[0, a:b]), abs=1e-4)
    # a tenth of the other, which is 20 dB down, and a little noise
    assert first["leakage"] == pytest.approx(_decibels(made[1, b:c], true[1, b:c]), abs=1e-4)
    assert second["leakage"] == pytest.approx(_decibels(made[0, :a], true[0, :a]), abs=1e-4)
    assert -20.1 < second["leakage"] < -19


def test_speakers_find_their_channels_whatever_their_order(talk):
    true, made = talk
    swapped = [said("z", 4, 9), said("a", 0, 6)]
    one, other = (separation(audio(*true), audio(*made), turns=turns) for turns in (TURNS, swapped))
    assert one.figures == other.figures
    crossed = separation(audio(*true[::-1]), audio(*made), turns=TURNS).figures["channels"]
    assert crossed[1]["si_sdr_clean"] == pytest.approx(one.figures["channels"][0]["si_sdr_clean"])


def test_energy_tells_who_speaks(talk):
    true, made = talk
    spoken = of_energy(audio(*true))
    assert [[(span.start / RATE, span.end / RATE) for span in spans] for spans in spoken] == [[(0, 6)], [(4, 9)]]
    by_energy, by_turns = (separation(audio(*true), audio(*made), turns=turns) for turns in (None, TURNS))
    assert by_energy.counts == pytest.approx(by_turns.counts)
    assert "by the energy of" in by_energy.protocol and "by the turns given" in by_turns.protocol


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 10), st.integers(1, 5000), st.booleans())
def test_what_must_not_matter_does_not(gain, size, swap):
    random = np.random.default_rng(size)
    true = random.standard_normal((2, 5000)).astype(np.float32)
    made = (true + 0.3 * random.standard_normal(true.shape)).astype(np.float32)
    plain = separation(audio(*true), audio(*made))
    changed = separation(audio(*true), audio(*(gain * made[::-1] if swap else gain * made)))
    assert changed.value == pytest.approx(plain.value, abs=1e-4)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 90), st.integers(1, 20)), max_size=8))
def test_patterns_partition_the_recording(rows):
    activity = {who: merged(Span(start, min(start + size, 100)) for one, start, size in rows if one == who) for who in (0, 1)}
    parts = list(patterns(activity, 100))
    assert sum(len(span) for span, _ in parts) == 100
    for span, who in parts:
        assert who == {one for one, spans in activity.items() if any(part.start <= span.start < part.end for part in spans)}


def test_files_and_folders(tmp_path, talk):
    true, made = talk
    _write(tmp_path / "ref" / "one.flac", true)
    _write(tmp_path / "ref" / "two.flac", true[::-1])
    _write(tmp_path / "hyp" / "one.flac", made)
    _write(tmp_path / "hyp" / "two.flac", made)
    turns = tmp_path / "turns.rttm"
    turns.write_text(rttm.dumps(replace(one, session=name) for one in TURNS for name in ("one", "two")))
    result = score("separation", tmp_path / "ref", tmp_path / "hyp", turns=turns)
    assert list(result.per_session) == ["one", "two"]
    assert result.counts == pytest.approx(added(one.counts for one in result.per_session.values()))
    for number in range(2):
        _write(tmp_path / "stems" / f"talk-{number + 1}.wav", made[number : number + 1])
    apart = score("separation", tmp_path / "ref" / "one.flac", tmp_path / "stems")
    assert apart.value == pytest.approx(result.per_session["one"].value, abs=1e-3)
    _write(tmp_path / "mixture.flac", true.sum(axis=0, keepdims=True))
    given = score("separation", tmp_path / "ref" / "one.flac", tmp_path / "stems", mixture=tmp_path / "mixture.flac")
    assert given.figures["improvement"] == pytest.approx(apart.figures["improvement"], abs=1e-3)
    assert "over the mixture given" in given.protocol
    with pytest.raises(SepdiarError, match=r"SD601.*the reference has no 'three'"):
        (tmp_path / "hyp" / "two.flac").rename(tmp_path / "hyp" / "three.flac")
        score("separation", tmp_path / "ref", tmp_path / "hyp")


def test_improvement_in_overlap_is_over_the_mixture_there(talk):
    true, made = talk
    rows = separation(audio(*true), audio(*made), turns=TURNS).figures["channels"]
    plain = separation(audio(*true), audio(true.sum(axis=0), true.sum(axis=0)), turns=TURNS, filtered=False).figures
    assert [row["improvement_overlap"] for row in plain["channels"]] == pytest.approx([0, 0], abs=1e-3)
    for row, before in zip(rows, plain["channels"], strict=True):
        assert row["improvement_overlap"] == pytest.approx(row["si_sdr_overlap"] - before["si_sdr_overlap"], abs=1e-3)
        assert abs(row["improvement_overlap"] - row["improvement"]) > 0.1
    assert plain["sdr"] is None and plain["si_sdr"] is not None


def test_what_does_not_belong_together_is_refused(tmp_path, talk):
    true, made = talk
    short = ArrayAudio(made.T[:-1], RATE)
    for wrong in (short, ArrayAudio(made.T, 16000), ArrayAudio(made.T[:, :1], RATE)):
        with pytest.raises(SepdiarError, match="SD601"):
            separation(audio(*true), wrong)
    with pytest.raises(SepdiarError, match="SD601"):
        separation(audio(*true), audio(*made), turns=[*TURNS, said("third", 1, 2)])
    with pytest.raises(SepdiarError, match="SD602"):
        separation(audio(*np.zeros_like(true)), audio(*made))
    with pytest.raises(SepdiarError, match="SD114"):
        separation(audio(*true), audio(*(made * np.float32("nan"))))
    with pytest.raises(SepdiarError, match="SD101"):
        score("separation", tmp_path / "none.wav", tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(SepdiarError, match="SD105"):
        score("separation", tmp_path / "text.wav", tmp_path / "text.wav")


def _write(path, channels):
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, channels.T, RATE, subtype="PCM_24")


def _si_sdr(true, made):
    return float(scale_invariant_signal_distortion_ratio(torch.tensor(made.copy()).double(), torch.tensor(true.copy()).double()))


def _decibels(signal, noise):
    return 10 * math.log10(np.square(signal, dtype=float).sum() / np.square(noise, dtype=float).sum())
