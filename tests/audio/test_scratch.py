"""Decoded samples lie on the recording's clock and on the grid of their depth."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sepdiar.audio.limits import Limit
from sepdiar.audio.scratch import Scratch
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError


def limit(samples: int) -> Limit:
    return Limit(samples, SepdiarError("SD115"))


def scratch(folder: Path, **changes: object) -> Scratch:
    settings = {"rate": 8000, "channels": 1, "bits": 16, "limit": limit(1 << 20)} | changes
    return Scratch(folder / "out.f32", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("bits", [16, 24])
@settings(deadline=None)
@given(data=st.data())
def test_every_pcm_sample_survives_and_can_be_written_back(
    tmp_path_factory: pytest.TempPathFactory, bits: int, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    full = 1 << (bits - 1)
    levels = data.draw(arrays(np.int32, st.integers(1, 50), elements=st.integers(-full, full - 1)))
    out = scratch(folder, bits=bits)
    out.put(0, (levels / full).astype(np.float32).reshape(-1, 1))
    kept = out.close().read(Span(0, len(levels)))
    assert np.array_equal(kept[:, 0] * full, levels)
    assert out.clipped == 0
    soundfile.write(folder / "back.flac", kept, 8000, f"PCM_{bits}")
    back, _ = soundfile.read(folder / "back.flac", dtype="int32")
    assert np.array_equal(back >> (32 - bits), levels)


def test_what_is_over_full_scale_is_clipped_and_counted(tmp_path: Path) -> None:
    out = scratch(tmp_path)
    out.put(0, np.array([[1.5], [-1.5], [1.0], [-1.0], [0.5]], np.float32))
    assert out.close().read(Span(0, 5))[:, 0].tolist() == [32767 / 32768, -1, 32767 / 32768, -1, 0.5]
    assert out.clipped == 2


def test_what_was_never_put_is_silence_on_the_clock(tmp_path: Path) -> None:
    out = scratch(tmp_path)
    out.put(3, np.full((2, 1), 0.25, np.float32))
    out.damage(Span(5, 9))
    audio = out.close()
    assert audio.read(Span(0, 9))[:, 0].tolist() == [0, 0, 0, 0.25, 0.25, 0, 0, 0, 0]
    assert audio.path.stat().st_size == 9 * 4
    assert out.damaged == (Span(5, 9),)


def test_more_than_two_channels_become_their_mean(tmp_path: Path) -> None:
    out = scratch(tmp_path, channels=6)
    out.put(0, np.array([[0.5, 0.25, 0.25, 0, 0.5, 0]], np.float32))
    assert out.close().read(Span(0, 1)).tolist() == [[0.25]]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_an_error_or_silence(tmp_path: Path, wrong: float) -> None:
    frames = np.full((6, 2), 0.5, np.float32)
    frames[2:4, 1] = wrong
    with pytest.raises(SepdiarError, match="SD114"):
        scratch(tmp_path, channels=2).put(10, frames)
    out = scratch(tmp_path, channels=2, salvage=True)
    out.put(10, frames)
    kept = out.close().read(Span(10, 16))
    assert out.damaged == (Span(12, 14),) and out.unreal == 2
    assert kept[:2].all() and not kept[2:4].any() and kept[4:].all()


def test_the_limit_holds_for_sound_and_for_silence(tmp_path: Path) -> None:
    out = scratch(tmp_path, limit=limit(10))
    out.put(0, np.zeros((10, 1), np.float32))
    with pytest.raises(SepdiarError, match="SD115"):
        out.put(10, np.zeros((1, 1), np.float32))
    with pytest.raises(SepdiarError, match="SD115"):
        out.damage(Span(10, 11))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_called_by_its_name() -> None:
    made = Scratch(Path("/dev/full"), rate=8000, channels=1, bits=16, limit=limit(1 << 20))
    with pytest.raises(OSError) as caught:
        made.put(0, np.ones((1 << 16, 1), np.float32))
    assert caught.value.errno == errno.ENOSPC
