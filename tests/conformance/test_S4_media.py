"""S4: media that ask for other media get nothing: no address is fetched, and no other file is opened."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from sepdiar.audio.decode import decode
from sepdiar.audio.readers import ffmpeg
from sepdiar.errors import SepdiarError

SOUND = (0.1 * np.random.default_rng(0).standard_normal(32000)).astype(np.float32)


class Canary(ThreadingHTTPServer):
    """Counts whoever comes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.hits: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class Visit(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Canary)
        self.server.hits.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with Canary() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A pipe in which nobody writes: a decoder that opened it would hang, and end as SD140."""
    os.mkfifo(tmp_path / "secret.wav")
    return tmp_path / "secret.wav"


def m3u8(url: str, file: str) -> bytes:
    parts = f"#EXTINF:9,\n{url}/a.ts\n#EXTINF:9,\nfile://{file}\n"
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n{parts}#EXT-X-ENDLIST\n".encode()


def mpd(url: str, file: str) -> bytes:
    base = f"<Period><BaseURL>{url}/</BaseURL><AdaptationSet><Representation id='a'><BaseURL>{file}</BaseURL>"
    return f"<?xml version='1.0'?><MPD type='static' xmlns='urn:mpeg:dash:schema:mpd:2011'>{base}</MPD>".encode()


def sdp(url: str, file: str) -> bytes:
    return f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={file}\nu={url}\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n".encode()


def ffconcat(url: str, file: str) -> bytes:
    return f"ffconcat version 1.0\nfile '{file}'\nfile '{url}/a.wav'\n".encode()


def cue(url: str, file: str) -> bytes:
    return f'FILE "{file}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\nREM {url}/a.wav\n'.encode()


def strm(url: str, file: str) -> bytes:
    return f"{url}/a.mp3\n{file}\n".encode()


TEXTS = [m3u8, mpd, sdp, ffconcat, cue, strm]
ENDINGS = ("wav", "mp3", "m4a")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_playlist_under_another_name_is_not_audio(
    tmp_path: Path, canary: Canary, secret: Path, text: Callable[[str, str], bytes], ending: str
) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(text(canary.address, str(secret)))
    with pytest.raises(SepdiarError, match="SD105"):
        decode(path, tmp_path / "out", timeout_seconds=20)
    assert canary.hits == []


@pytest.mark.parametrize("kind", ["mp4", "webm", "ogg", "flac", "wav"])
@pytest.mark.parametrize("text", TEXTS)
def test_even_where_ffmpeg_gets_a_playlist_it_follows_nothing(
    tmp_path: Path, canary: Canary, secret: Path, text: Callable[[str, str], bytes], kind: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(text(canary.address, str(secret)))
    with path.open("rb") as file, pytest.raises(SepdiarError, match=r"SD112|SD106|SD110"):
        list(ffmpeg.read(file, kind).pieces)
    assert canary.hits == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_addresses_in_tags_are_only_text(
    tmp_path: Path, encode: Callable[..., Path], canary: Canary, secret: Path, ending: str
) -> None:
    frames = b""
    for name, value in (
        (b"WOAF", canary.address),
        (b"WXXX", f"\0\0file://{secret}"),
        (b"APIC", f"\0-->\0\3\0{canary.address}/a.png"),
    ):
        frames += name + struct.pack(">IH", len(value), 0) + value.encode()
    tag = b"ID3\x03\0\0" + bytes([0, 0, len(frames) >> 7, len(frames) & 127]) + frames
    path = encode(tmp_path / "tagged.mp3", SOUND, 16000).rename(tmp_path / f"a.{ending}")
    path.write_bytes(tag + path.read_bytes())
    assert decode(path, tmp_path / "out", timeout_seconds=20).audio.samples == len(SOUND)
    assert canary.hits == []


def with_reference(movie: bytes, target: str) -> bytes:
    """The movie with its sound said to lie in another file: the data reference's entry names it, and every box around grows."""
    name = target.encode() + b"\0"
    at = movie.index(b"url \0\0\0\1") - 4
    entry = struct.pack(">I4sI", 12 + len(name), b"url ", 0) + name
    grown = len(entry) - 12
    made = bytearray(movie[:at] + entry + movie[at + 12 :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = movie.rindex(box, 0, at) - 4
        made[place : place + 4] = struct.pack(">I", struct.unpack(">I", movie[place : place + 4])[0] + grown)
    return bytes(made)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_movie_whose_sound_lies_elsewhere(
    tmp_path: Path, encode: Callable[..., Path], canary: Canary, secret: Path, ending: str
) -> None:
    movie = encode(tmp_path / "movie.m4a", SOUND, 16000).read_bytes()
    for target in (f"{canary.address}/a.wav", f"file://{secret}", str(secret)):
        path = tmp_path / f"a.{ending}"
        path.write_bytes(with_reference(movie, target))
        try:
            assert decode(path, tmp_path / "out", timeout_seconds=20).audio.samples == len(SOUND)  # its own sound
        except SepdiarError as error:
            assert error.code in ("SD106", "SD112")
    assert canary.hits == []


def test_s4_control_the_canary_sings_where_ffmpeg_is_left_free(tmp_path: Path, canary: Canary, secret: Path) -> None:
    path = tmp_path / "a.m3u8"
    path.write_bytes(m3u8(canary.address, str(secret)).partition(b"#EXTINF:9,\nfile")[0])
    with pytest.raises(av.FFmpegError):
        av.open(str(path), options={"protocol_whitelist": "file,http,tcp"}, timeout=5)
    assert canary.hits
    canary.hits.clear()
