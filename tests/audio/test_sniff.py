"""The container is known by content; the name says nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sepdiar.audio.containers.mpeg import parse
from sepdiar.audio.sniff import sniff

TONE = (0.3 * np.sin(np.arange(32000) / 9)).astype(np.float32)
KINDS = {
    **{ending: "wav" for ending in ("wav", "rf64", "w64")},
    **{"aiff": "aiff", "au": "au", "caf": "caf", "flac": "flac", "ogg": "ogg", "opus": "ogg", "mp3": "mp3"},
    **{"m4a": "mp4", "aac": "aac", "webm": "webm", "mka": "webm"},
}
ID3 = b"ID3\x04\0\0\0\0\x01\x00" + bytes(128)


@pytest.mark.parametrize("ending", KINDS)
def test_every_container_by_content_under_a_wrong_name(tmp_path: Path, encode: Callable[..., Path], ending: str) -> None:
    made = encode(tmp_path / f"a.{ending}", TONE, 16000).rename(tmp_path / "a.txt")
    assert sniff(made) == KINDS[ending]


@pytest.mark.parametrize("ending", ["flac", "mp3", "aac"])
def test_behind_two_tags(tmp_path: Path, encode: Callable[..., Path], ending: str) -> None:
    made = encode(tmp_path / f"a.{ending}", TONE, 16000)
    made.write_bytes(ID3 + ID3 + made.read_bytes())
    assert sniff(made) == KINDS[ending]


def test_an_mp3_that_begins_inside_a_frame(tmp_path: Path, encode: Callable[..., Path]) -> None:
    made = encode(tmp_path / "a.mp3", TONE, 16000)
    made.write_bytes(made.read_bytes()[100:])
    assert sniff(made) == "mp3"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"R",
        b"RIFF\x10\0\0\0AVI LIST",
        b"#EXTM3U\n#EXTINF:10,\nhttp://localhost/a.ts\n",
        b"ID3\x04\0\0\0\0\x01\x00",
        b"\xff" * 5000,
        b"\xff\xfb\x90\x64" + bytes(4096),
        bytes(range(256)) * 300,
        "ſome prose, not a recording".encode("utf-16"),
    ],
)
def test_what_is_not_audio(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert sniff(tmp_path / "a.wav") is None


def test_noise_is_hardly_ever_taken_for_frames() -> None:
    """One header can occur by chance; sniffing wants three in a row."""
    noise = np.random.default_rng(1).integers(0, 256, 200_000, np.uint8).tobytes()
    headers = sum(parse(noise[place : place + 10]) is not None for place in range(len(noise) - 10))
    assert headers < 200


def test_frames_in_noise_are_not_found(tmp_path: Path) -> None:
    for seed in range(20):
        noise = np.random.default_rng(seed).integers(0, 256, 100_000, np.uint8).tobytes()
        (tmp_path / "noise").write_bytes(noise)
        assert sniff(tmp_path / "noise") is None
