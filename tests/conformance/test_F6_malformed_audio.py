"""F6: eight defects in ten containers; each file has its verdict, and none harms the process or another file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sepdiar.audio.containers.mpeg import parse
from sepdiar.audio.decode import decode
from sepdiar.audio.decode_process import Order, decode_open
from sepdiar.audio.inputs import open_regular
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError

RATE = 48000
SOUND = (0.1 * np.random.default_rng(3).standard_normal(4 * RATE)).astype(np.float32)
LONG = np.tile(SOUND, 4)  # WebM loses five seconds at once, and has to have some left
HALF = len(SOUND) // 2

DEFECTS = ("empty", "text", "stub", "cut", "hole", "flip", "gone", "no_sound")
READ = ""  # in full, without complaint: the format carries nothing that could tell
UNSURE = "SD112 or read"  # whether the codec stumbles over one bit depends on which bit it is
VERDICTS = {
    "wav": ("SD104", "SD105", "SD112", "SD112", READ, READ, "SD112", "SD110"),
    "aiff": ("SD104", "SD105", "SD112", "SD112", READ, READ, "SD112", "SD110"),
    "au": ("SD104", "SD105", "SD112", "SD112", READ, READ, "SD112", "SD110"),
    "caf": ("SD104", "SD105", "SD110", "SD112", READ, READ, "SD112", "SD110"),
    "flac": ("SD104", "SD105", "SD112", "SD112", "SD112", "SD112", "SD112", "SD112"),
    "ogg": ("SD104", "SD105", "SD112", "SD112", "SD112", "SD112", "SD112", "SD110"),
    "opus": ("SD104", "SD105", "SD112", "SD112", "SD112", "SD112", "SD112", "SD112"),
    "mp3": ("SD104", "SD105", "SD105", "SD112", "SD112", UNSURE, "SD112", "SD110"),
    "m4a": ("SD104", "SD105", "SD112", "SD112", "SD112", UNSURE, "SD112", "SD112"),
    "webm": ("SD104", "SD105", "SD112", "SD112", "SD112", UNSURE, "SD112", "SD112"),
}
CASES = [(ending, defect, code) for ending, codes in VERDICTS.items() for defect, code in zip(DEFECTS, codes, strict=True)]


def headers(content: bytes) -> int:
    """How many bytes stand before the first sample."""
    if content[:4] == b"OggS":
        return content.index(b"OggS", content.index(b"OggS", 4) + 4)
    if content[:4] == b".snd":
        return 24
    if (first := parse(content)) is not None:
        return first.size
    marks = {b"data": 16 if content[:4] == b"caff" else 8, b"SSND": 16, b"mdat": 4, b"\x1f\x43\xb6\x75": 0, b"\xff\xf8": 0}
    return min(content.index(mark) + size for mark, size in marks.items() if mark in content)


def spoil(content: bytes, defect: str) -> bytes:
    middle = len(content) // 2
    match defect:
        case "empty":
            return b""
        case "text":
            return b"<!DOCTYPE html><title>404 Not Found</title>" * 40
        case "stub":
            return content[:64]
        case "cut":
            return content[:middle]
        case "hole":
            return content[:middle] + bytes(3000) + content[middle + 3000 :]
        case "flip":
            return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]
        case "gone":
            return content[:middle] + content[middle + 3000 :]
        case "no_sound":
            return content[: headers(content)]
    raise ValueError(defect)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, encode: Callable[..., Path]) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    return {ending: encode(folder / f"a.{ending}", SOUND, RATE).read_bytes() for ending in VERDICTS}


def test_there_are_80_files() -> None:
    assert len(CASES) == 80


@pytest.mark.parametrize(("ending", "defect", "code"), CASES)
def test_verdict(tmp_path: Path, whole: dict[str, bytes], ending: str, defect: str, code: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(spoil(whole[ending], defect))
    try:
        with open_regular(path) as file:
            made = decode_open(file, Order(str(tmp_path / "out")), lambda message: None)
        assert made["samples"] == pytest.approx(len(SOUND), abs=1)
        assert code in (READ, UNSURE)
    except SepdiarError as error:
        assert error.code == code.removesuffix(" or read")


SALVAGED = [(ending, defect) for ending in ("flac", "ogg", "mp3", "m4a", "webm") for defect in ("hole", "gone")]


@pytest.mark.parametrize(("ending", "defect"), [case for case in SALVAGED if case != ("m4a", "gone")])
def test_salvage_keeps_the_clock(tmp_path: Path, encode: Callable[..., Path], ending: str, defect: str) -> None:
    """Behind the damage every sample lies where it lies in the whole file, and the damage is silence that is named."""
    path = encode(tmp_path / f"a.{ending}", LONG, RATE)
    good = decode(path, tmp_path / "good").audio
    path.write_bytes(spoil(path.read_bytes(), defect))
    made = decode(path, tmp_path / "out", salvage=True)
    assert abs(made.audio.samples - good.samples) <= RATE // 100
    assert made.notes[0].startswith("damaged: ")
    for span in made.damaged:
        assert not made.audio.read(span).any()
    lost = sum(map(len, made.damaged))
    assert 0 < lost < len(LONG) / 2
    behind = max(span.end for span in made.damaged) + 4000
    tail = Span(behind, len(LONG) - 4000)
    ours, theirs = made.audio.read(tail)[:, 0], good.read(tail)[:, 0]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "webm"])
def test_salvage_of_a_cut_file_keeps_its_declared_length(tmp_path: Path, whole: dict[str, bytes], ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(spoil(whole[ending], "cut"))
    made = decode(path, tmp_path / "out", salvage=True)
    assert abs(made.audio.samples - len(SOUND)) <= RATE // 50
    assert made.damaged[-1].end == made.audio.samples
    assert made.damaged[-1].start == pytest.approx(HALF, rel=0.1)


def test_salvage_changes_nothing_where_nothing_is_wrong(tmp_path: Path, whole: dict[str, bytes]) -> None:
    for ending, content in whole.items():
        path = tmp_path / f"a.{ending}"
        path.write_bytes(content)
        strict, lenient = decode(path, tmp_path / "one"), decode(path, tmp_path / "two", salvage=True)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
        assert strict.notes == lenient.notes


def test_samples_that_are_not_numbers(tmp_path: Path, encode: Callable[..., Path]) -> None:
    sound = SOUND.copy()
    sound[100:200] = np.nan
    path = encode(tmp_path / "a.wav", sound, RATE, "FLOAT")
    with pytest.raises(SepdiarError, match="SD114"):
        decode(path, tmp_path / "out")
    assert decode(path, tmp_path / "out", salvage=True).damaged == (Span(100, 200),)
