"""F9: hours of talk, and files of more than 4 GiB, through a whole chain: memory hardly grows, and disk as the sound does.

The fast tests are the same in small. Where a file is huge, all but its ends is a hole: the talk behind it must be heard.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from sepdiar.audio.decode import decode
from sepdiar.errors import SepdiarError

MEASURED = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stderr=sys.stderr, stdout=sys.stderr).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
most = used.ru_maxrss / (1 << (10 if sys.platform == "linux" else 20))
print(json.dumps({"code": code, "seconds": used.ru_utime + used.ru_stime, "mebibytes": most}))
"""
ENDS = 14.0  # seconds of talk at each end of a huge file
GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")


@dataclass(frozen=True)
class Used:
    """What one run took: its largest process, all its processors' time, and the most that lay in its directory at once."""

    mebibytes: float
    seconds: float
    disk: int

    def __str__(self) -> str:
        return f"{self.mebibytes:.0f} MiB, {self.seconds:.0f} s of CPU, {self.disk / 1e9:.2f} GB of disk"


def run(recording: Path, out: Path) -> Used:
    """The cheapest real chain: activity masks by our MFCC diarizer, no words."""
    command = [sys.executable, "-m", "sepdiar", "process", str(recording), "--out", str(out), "--workers", "1"]
    command += ["--recipe", "masking", "--diarizer", "mfcc", "--recognizer", "none"]
    measured = [sys.executable, "-c", MEASURED, *command]
    most, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            most[0] = max(most[0], _size(out))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        told = subprocess.run(measured, capture_output=True, text=True, check=True)
    finally:
        ended.set()
        watching.join()
    found = json.loads(told.stdout)
    assert found["code"] == 0, told.stderr
    return Used(found["mebibytes"], found["seconds"], most[0])


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += 512 * path.stat().st_blocks
        except FileNotFoundError:
            continue
    return total


def talk(podcasts: Path, path: Path, minutes: float) -> Path:
    """A podcast over and over."""
    sound, rate = soundfile.read(podcasts / "bread.flac", dtype="int16")
    left = round(60 * minutes * rate)
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        while left > 0:
            file.write(sound[:left])
            left -= len(sound)
    return path


def rf64(rate: int, channels: int, samples: int) -> bytes:
    size = 4 * channels * samples
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, channels, rate, 4 * channels * rate, 4 * channels, 32)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, 72 + size, size, samples, 0)
    return struct.pack("<4sI4s", b"RF64", 0xFFFFFFFF, b"WAVE") + sizes + form + struct.pack("<4sI", b"data", 0xFFFFFFFF)


def w64(rate: int, channels: int, samples: int) -> bytes:
    size = 4 * channels * samples
    form = b"fmt " + GUID + struct.pack("<QHHIIHH", 40, 3, channels, rate, 4 * channels * rate, 4 * channels, 32)
    head = bytes.fromhex("726966662e91cf11a5d628db04c10000") + struct.pack("<Q", 104 + size) + b"wave" + GUID
    return head + form + b"data" + GUID + struct.pack("<Q", 24 + size)


CONTAINERS: dict[str, Callable[[int, int, int], bytes]] = {"rf64": rf64, "w64": w64}


def huge(podcasts: Path, path: Path, header: bytes, rate: int, channels: int, samples: int) -> Path:
    """A file of floats in many channels, with talk at both ends and a hole between them."""
    sound, own = soundfile.read(podcasts / "bread.flac", dtype="float32")
    count = int(ENDS * own)
    with path.open("wb") as file:
        file.write(header)
        for number, place in enumerate((0, samples - round(ENDS * rate))):
            end = soxr.resample(sound[number * count : (number + 1) * count], own, rate)[: round(ENDS * rate)]
            file.seek(len(header) + 4 * channels * place)
            file.write(np.repeat(end[:, None], channels, axis=1).astype("<f4").tobytes())
    assert path.stat().st_size == len(header) + 4 * channels * samples
    return path


def check_huge(podcasts: Path, folder: Path, container: str, rate: int, channels: int, seconds: float) -> Used:
    samples = round(seconds * rate)
    header = CONTAINERS[container](rate, channels, samples)
    used = run(huge(podcasts, folder / f"a.{container}", header, rate, channels, samples), folder / "out")
    (item,) = (folder / "out" / "items").iterdir()
    made = json.loads((item / "conversation.json").read_text())
    assert (made["recording"]["samples"], made["recording"]["rate"], made["recording"]["channels"]) == (samples, rate, channels)
    starts = [turn["span"]["start"] for turn in made["turns"]]
    assert min(starts) < ENDS * rate and max(starts) > samples - ENDS * rate
    assert used.disk < 12 * samples  # floats of one channel, and what comes of them without loss
    return used


def test_f9_six_times_as_long_takes_no_more_memory(podcasts: Path, tmp_path: Path) -> None:
    short = run(talk(podcasts, tmp_path / "short.wav", 1), tmp_path / "short")
    long = run(talk(podcasts, tmp_path / "long.wav", 6), tmp_path / "long")
    assert long.mebibytes < short.mebibytes + 24
    assert long.disk < 12 * 6 * 60 * 16_000


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_f9_eight_hours(podcasts: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    short = run(talk(podcasts, tmp_path / "short.wav", 30), tmp_path / "short")
    long = run(talk(podcasts, tmp_path / "long.wav", 480), tmp_path / "long")
    record_property("about", f"8 h: {long}")
    assert long.mebibytes < short.mebibytes + 16 * 7.5  # by the hour: its turns are kept
    assert long.seconds < 1.15 * 16 * short.seconds
    assert long.disk < 12 * 480 * 60 * 16_000


@pytest.mark.parametrize("container", CONTAINERS)
def test_f9_a_hole_with_talk_at_both_ends(container: str, podcasts: Path, tmp_path: Path) -> None:
    check_huge(podcasts, tmp_path, container, 16_000, 8, 60)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("container", CONTAINERS)
def test_f9_more_than_four_gibibytes(
    container: str, podcasts: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    used = check_huge(podcasts, tmp_path, container, 192_000, 8, 720)
    assert (tmp_path / f"a.{container}").stat().st_size > 1 << 32
    record_property("about", f"{container}: {used}")
    assert used.mebibytes < 512


@pytest.mark.parametrize("container", CONTAINERS)
def test_f9_a_header_of_thirty_hours(container: str, tmp_path: Path) -> None:
    """Over the limit where the hours are there, as a hole; a lie where they are not."""
    rate, samples = 8000, 30 * 3600 * 8000
    path = tmp_path / f"a.{container}"
    path.write_bytes(CONTAINERS[container](rate, 1, samples) + bytes(4 * rate))
    with pytest.raises(SepdiarError, match=r"SD112|SD115"):
        decode(path, tmp_path / "out")
    with path.open("r+b") as file:
        file.truncate(len(CONTAINERS[container](rate, 1, samples)) + 4 * samples)
    with pytest.raises(SepdiarError, match="SD115"):
        decode(path, tmp_path / "out")
    assert not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size < 1 << 20


@pytest.mark.slow
@pytest.mark.parametrize("told", [True, False])
def test_f9_hours_of_silence_in_a_tiny_file(told: bool, tmp_path: Path) -> None:
    """Two hours at 48 kHz: refused by the header where that says so, and else once a gigabyte lies there."""
    rate = 48_000
    path = tmp_path / "a.flac"
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        for _ in range(120):
            file.write(np.zeros(60 * rate, np.int16))
    content = bytearray(path.read_bytes())
    assert len(content) < 4_000_000
    if not told:
        content[21] &= 0xF0  # the number of samples, 36 bits of the first block
        content[22:26] = bytes(4)
        path.write_bytes(content)
    with pytest.raises(SepdiarError, match="SD118"):
        decode(path, tmp_path / "out", timeout_seconds=600)
    if told:
        assert not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size < 1 << 20
    assert _size(tmp_path) < 1.2e9
