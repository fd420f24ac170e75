"""Decoding is exact where the format is, keeps its time where it is not, and what goes wrong stays in its own process."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sepdiar.audio import decode as decoding
from sepdiar.audio.decode import Decoded, decode
from sepdiar.audio.limits import Limits
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError

Encode = Callable[..., Path]
RATE = 16000
SAMPLES = 50123
TONES = np.random.default_rng(5).standard_normal(SAMPLES // 80 + 1).repeat(80)[:SAMPLES]
SOUND = (0.2 * TONES * np.sin(np.arange(SAMPLES) / 5)).astype(np.float32)
SOUND16 = np.rint(SOUND * 32768).astype(np.float32) / 32768


def samples(decoded: Decoded) -> NDArray[np.float32]:
    return decoded.audio.read(Span(0, decoded.audio.samples))[:, 0]


@pytest.mark.parametrize("ending", ["wav", "rf64", "w64", "aiff", "au", "caf", "flac", "mka"])
def test_lossless_is_the_same_sample_for_sample(tmp_path: Path, encode: Encode, ending: str) -> None:
    made = decode(encode(tmp_path / f"a.{ending}", SOUND16, RATE), tmp_path / "out")
    assert np.array_equal(samples(made), SOUND16)
    assert (made.audio.rate, made.audio.bits, made.channels, made.notes, made.damaged) == (RATE, 16, 1, (), ())


@pytest.mark.parametrize(
    ("name", "head"),
    [("WMA", "3026b2758e66cf11a6d900aa0062ce6c"), ("AMR", "2321414d520a"), ("WavPack", "7776706b"), ("True Audio", "54544131")],
)
def test_a_container_that_is_not_read_is_named(tmp_path: Path, name: str, head: str) -> None:
    (tmp_path / "a.wav").write_bytes(bytes.fromhex(head) + bytes(4000))
    with pytest.raises(SepdiarError, match=f"SD106.*{name} is not supported"):
        decode(tmp_path / "a.wav", tmp_path / "out")


@pytest.mark.parametrize("ending", ["au", "caf"])
def test_a_length_left_open_is_read_to_the_end(tmp_path: Path, encode: Encode, ending: str) -> None:
    """As programs that write to a pipe leave it."""
    content = encode(tmp_path / f"a.{ending}", SOUND16, RATE).read_bytes()
    place, width = (8, 4) if ending == "au" else (content.index(b"data") + 4, 8)
    (tmp_path / "a").write_bytes(content[:place] + b"\xff" * width + content[place + width :])
    made = decode(tmp_path / "a", tmp_path / "out")
    assert np.array_equal(samples(made), SOUND16) and "leaves the length open" in made.notes[0]


def test_24_bits_are_kept_and_float_is_rounded_to_24(tmp_path: Path, encode: Encode) -> None:
    sound24 = np.rint(SOUND * 2**23).astype(np.float32) / 2**23
    for name, subtype in (("a.wav", "PCM_24"), ("a.flac", "PCM_24"), ("b.wav", "FLOAT"), ("c.wav", "PCM_32")):
        made = decode(encode(tmp_path / name, sound24, RATE, subtype), tmp_path / "out")
        assert made.audio.bits == 24
        assert np.array_equal(samples(made), sound24)


def test_float_over_full_scale_is_clipped_and_said(tmp_path: Path, encode: Encode) -> None:
    made = decode(encode(tmp_path / "a.wav", SOUND * 4, RATE, "FLOAT"), tmp_path / "out")
    loud = int(np.count_nonzero(np.abs(SOUND * 4) > 1))
    assert loud and made.notes == (f"{loud} samples over full scale were clipped",)


@pytest.mark.parametrize("ending", ["mp3", "ogg", "opus", "m4a"])
def test_what_codecs_add_at_both_ends_is_trimmed(tmp_path: Path, encode: Encode, ending: str) -> None:
    made = decode(encode(tmp_path / f"a.{ending}", SOUND, RATE), tmp_path / "out")
    assert abs(made.audio.samples - SAMPLES) <= 1
    heard, said = samples(made)[1000:49000], SOUND[1000:49000]
    fits = [np.dot(heard[5:-5], said[5 + lag : len(said) - 5 + lag]) for lag in range(-5, 6)]
    assert int(np.argmax(fits)) == 5


def test_a_length_left_open_is_a_note(tmp_path: Path, encode: Encode) -> None:
    whole = encode(tmp_path / "a.wav", SOUND16, RATE).read_bytes()
    for size in (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000):
        (tmp_path / "b.wav").write_bytes(whole[:40] + struct.pack("<I", size) + whole[44:])
        made = decode(tmp_path / "b.wav", tmp_path / "out")
        assert np.array_equal(samples(made), SOUND16), hex(size)
        assert made.notes == ("the header leaves the length open: all that is there was read",)


def test_flac_of_unknown_length_and_behind_a_tag(tmp_path: Path, encode: Encode) -> None:
    whole = bytearray(encode(tmp_path / "a.flac", SOUND16, RATE).read_bytes())
    (tmp_path / "b.flac").write_bytes(b"ID3\x04\0\0\0\0\x01\x00" + bytes(128) + whole)
    assert np.array_equal(samples(decode(tmp_path / "b.flac", tmp_path / "out")), SOUND16)
    whole[21] &= 0xF0
    whole[22:26] = bytes(4)
    (tmp_path / "c.flac").write_bytes(whole)
    assert np.array_equal(samples(decode(tmp_path / "c.flac", tmp_path / "out")), SOUND16)


def test_two_mp3_files_in_one_are_read_to_the_end(tmp_path: Path, encode: Encode) -> None:
    one = encode(tmp_path / "a.mp3", SOUND, RATE).read_bytes()
    (tmp_path / "b.mp3").write_bytes(one + b"TAG" + bytes(125) + b"ID3\x04\0\0\0\0\x01\x00" + bytes(128) + one)
    made = decode(tmp_path / "b.mp3", tmp_path / "out")
    assert made.audio.samples > 2 * SAMPLES and "all were read" in made.notes[0]


def test_tags_and_a_little_junk_behind_an_mp3(tmp_path: Path, encode: Encode) -> None:
    whole = encode(tmp_path / "a.mp3", SOUND, RATE).read_bytes()
    for tail in (b"TAG" + bytes(125), bytes(1000), b"APETAGEX" + bytes(24)):
        (tmp_path / "b.mp3").write_bytes(whole + tail)
        assert decode(tmp_path / "b.mp3", tmp_path / "out").audio.samples == SAMPLES


def test_ogg_without_its_last_page_is_noted_and_a_chain_refused(tmp_path: Path, encode: Encode) -> None:
    whole = encode(tmp_path / "a.ogg", SOUND, RATE).read_bytes()
    (tmp_path / "b.ogg").write_bytes(whole[: whole.rindex(b"OggS")])
    assert "may have been cut" in decode(tmp_path / "b.ogg", tmp_path / "out").notes[0]
    (tmp_path / "c.ogg").write_bytes(whole + whole)
    with pytest.raises(SepdiarError, match="SD106"):
        decode(tmp_path / "c.ogg", tmp_path / "out")


def test_names_of_any_bytes_reach_no_decoder(tmp_path: Path, encode: Encode) -> None:
    for ending in ("flac", "m4a", "mp3"):
        name = tmp_path / os.fsdecode(b"\xff\n$(touch x)." + ending.encode())
        encode(tmp_path / f"a.{ending}", SOUND, RATE).rename(name)
        assert decode(name, tmp_path / "out").audio.samples == SAMPLES


def test_progress_comes_in_order_and_ends_near_one(tmp_path: Path, encode: Encode) -> None:
    told: list[float] = []
    decode(encode(tmp_path / "a.flac", np.tile(SOUND, 40), RATE), tmp_path / "out", progress=told.append)
    assert len(told) >= 3 and told == sorted(told) and 0.7 < told[-1] <= 1


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, encode: Encode) -> None:
    bomb = encode(tmp_path / "a.flac", np.zeros(RATE * 600, np.float32), RATE)
    with pytest.raises(SepdiarError, match="SD115"):
        decode(bomb, tmp_path / "out", limits=Limits(maximum_hours=0.1))
    assert not (tmp_path / "out").exists()


def test_hours_of_silence_in_a_tiny_file_are_refused_before_they_are_decoded(tmp_path: Path, encode: Encode) -> None:
    bomb = encode(tmp_path / "a.flac", np.zeros(RATE, np.float32), RATE)
    content = bytearray(bomb.read_bytes())
    declared = int.from_bytes(content[18:26]) - RATE + 20 * 3600 * RATE
    content[18:26] = declared.to_bytes(8)
    bomb.write_bytes(content)
    with pytest.raises(SepdiarError, match=r"SD118.*more than 1.0 GB, and the file has 0.0 MB") as refused:
        decode(bomb, tmp_path / "out")
    assert "decode.maximum_expansion=3000" in refused.value.hint and not (tmp_path / "out").exists()
    with pytest.raises(SepdiarError, match=r"SD118.*more than 4 GB") as refused:
        decode(bomb, tmp_path / "out", limits=Limits(maximum_expansion=1e9, maximum_gigabytes=4))
    assert "decode.maximum_gigabytes=8" in refused.value.hint
    with pytest.raises(SepdiarError, match="SD112"):  # it is allowed, and is not what it says
        decode(bomb, tmp_path / "out", limits=Limits(maximum_expansion=1e9))


@pytest.mark.parametrize(
    ("code", "script"),
    [
        ("SD112", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"),
        ("SD902", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        ("SD901", "raise RuntimeError('of a decoder')"),
        ("SD140", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"),
        ("SD140", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"),
    ],
)
def test_a_decoder_that_crashes_or_hangs_is_an_error_of_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encode: Encode, code: str, script: str
) -> None:
    monkeypatch.setattr(decoding, "COMMAND", (sys.executable, "-c", script))
    began = time.monotonic()
    with pytest.raises(SepdiarError, match=code):
        decode(encode(tmp_path / "a.wav", SOUND, RATE), tmp_path / "out", timeout_seconds=0.7)
    assert time.monotonic() - began < 10


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encode: Encode) -> None:
    path = encode(tmp_path / "a.wav", SOUND, RATE)
    grow = f"open({str(path)!r}, 'ab').write(b'more')"
    monkeypatch.setattr(decoding, "COMMAND", (sys.executable, "-c", grow))
    with pytest.raises(SepdiarError, match="SD116"):
        decode(path, tmp_path / "out")


def test_the_process_imports_no_more_than_it_needs(tmp_path: Path, encode: Encode) -> None:
    path = encode(tmp_path / "a.wav", SOUND, RATE)
    script = (
        "import sys; sys.argv = ['x', sys.argv[1]]; from sepdiar.audio.decode_process import main; main();"
        "print(sorted({'av', 'scipy', 'torch', 'onnxruntime'} & set(sys.modules)), file=sys.stderr)"
    )
    with path.open("rb") as file:
        order = f'{{"out": "{tmp_path / "out"}"}}'
        done = subprocess.run([sys.executable, "-c", script, order], stdin=file, capture_output=True, text=True, check=True)
    assert '"result"' in done.stdout
    assert done.stderr.strip() == "[]"


MEASURE = """
import resource, sys
from pathlib import Path
from sepdiar.audio.decode import decode
decode(Path(sys.argv[1]), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.parametrize(("ending", "long"), [("wav", 20), ("mp3", 8)])
def test_memory_does_not_grow_with_length(tmp_path: Path, encode: Encode, ending: str, long: int) -> None:
    minute = encode(tmp_path / f"a.{ending}", np.tile(SOUND[:48000], 20), RATE).read_bytes()
    head = minute[:40] + bytes(4) if ending == "wav" else b""
    peaks = []
    for minutes in (long // 10 or 1, long):
        path = tmp_path / f"b.{ending}"
        path.write_bytes(head + minute[len(head) :] * minutes)
        command = [sys.executable, "-c", MEASURE, path, tmp_path / "out"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert (tmp_path / "out").stat().st_size >= minutes * 60 * RATE * 4
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0]
