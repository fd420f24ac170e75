"""What containers claim of themselves: lengths against bytes, pages, elements and frames."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sepdiar.audio.containers import chunks, header, mpeg, ogg, webm
from sepdiar.audio.containers.survey import survey
from sepdiar.audio.decode import decode
from sepdiar.audio.sniff import sniff
from sepdiar.conversation import Span

Encode = Callable[..., Path]
RATE = 16000
SOUND = (0.1 * np.random.default_rng(2).standard_normal(3 * RATE)).astype(np.float32)


@pytest.mark.parametrize("ending", ["wav", "rf64", "w64", "aiff", "au", "caf", "flac", "mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(RATE, 1), (44100, 2)])
def test_a_header_tells_length_rate_and_channels(tmp_path: Path, encode: Encode, ending: str, rate: int, channels: int) -> None:
    path = encode(tmp_path / f"a.{ending}", np.tile(SOUND[:, None], channels), rate)
    claim = header.claim(io.BytesIO(path.read_bytes()), sniff(path) or "")
    told = None if ending == "mp3" else len(SOUND)
    assert (claim.samples, claim.rate, claim.channels) == ((told, rate, channels) if told else (None, 0, 0))


@pytest.mark.parametrize("ending", ["wav", "rf64", "w64", "aiff"])
def test_chunks_know_their_samples(tmp_path: Path, encode: Encode, ending: str) -> None:
    whole = encode(tmp_path / f"a.{ending}", SOUND, RATE).read_bytes()
    claim = chunks.claim(io.BytesIO(whole))
    assert (claim.samples, claim.damage, claim.notes) == (len(SOUND), "", ())
    cut = chunks.claim(io.BytesIO(whole[:-1000]))
    assert cut.samples == len(SOUND) and "96000 bytes" in cut.damage


def test_sound_behind_its_declared_end_is_noted_and_a_chunk_is_not(tmp_path: Path, encode: Encode) -> None:
    whole = encode(tmp_path / "a.wav", SOUND, RATE).read_bytes()
    assert chunks.claim(io.BytesIO(whole + b"LIST\4\0\0\0abcd")).notes == ()
    short = whole[:40] + struct.pack("<I", 48000) + whole[44:]
    assert chunks.claim(io.BytesIO(short)).notes == ("48000 bytes behind the declared end of the sound were not read",)


@pytest.mark.parametrize("ending", ["rf64", "w64"])
def test_files_of_more_than_four_gigabytes(tmp_path: Path, encode: Encode, ending: str) -> None:
    path = encode(tmp_path / f"a.{ending}", SOUND, RATE)
    head, size = path.read_bytes()[:400], 5 << 30
    if ending == "rf64":
        place = head.index(b"ds64") + 16
        head = head[:place] + struct.pack("<Q", size) + head[place + 8 :]
    else:
        place = head.index(b"data") + 16
        head = head[:place] + struct.pack("<Q", size + 24) + head[place + 8 :]
    path.write_bytes(head)
    with path.open("r+b") as file:
        file.truncate(size + 8192)
        claim = chunks.claim(file)
        assert (claim.samples, claim.damage) == (size // 2, "")
        file.truncate(size - 8192)
        assert chunks.claim(file).damage


def slow_checksum(page: bytes) -> int:
    """As the Ogg specification has it, bit by bit."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


@given(st.binary(max_size=60))
def test_the_checksum_of_ogg(page: bytes) -> None:
    assert ogg.page_checksum(page) == slow_checksum(page)


@settings(deadline=None)
@given(st.data())
def test_any_changed_byte_of_an_ogg_file_is_seen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "steady.ogg"
    if not path.exists():
        soundfile.write(path, SOUND, RATE)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    claim = ogg.claim(io.BytesIO(bytes(content)))
    assert claim.damage or claim.refused


def test_missing_pages_are_seen(tmp_path: Path, encode: Encode) -> None:
    content = encode(tmp_path / "a.ogg", SOUND, RATE).read_bytes()
    pages = content.split(b"OggS")[1:]
    assert len(pages) > 4
    without = b"".join(b"OggS" + page for number, page in enumerate(pages) if number != 3)
    assert "pages are missing" in ogg.claim(io.BytesIO(without)).damage


def test_frames_and_what_lies_between(tmp_path: Path, encode: Encode) -> None:
    content = encode(tmp_path / "a.mp3", SOUND, RATE).read_bytes()
    whole = survey(io.BytesIO(content))
    assert whole.described and whole.frames == whole.declared and whole.samples == len(SOUND)
    frame = next(part for part in mpeg.walk(io.BytesIO(content)) if isinstance(part, mpeg.Frame)).header.size
    middle = len(content) // 2 // frame * frame
    holed = survey(io.BytesIO(content[:middle] + b"\0" * 5 * frame + content[middle + 5 * frame :]))
    assert [lost.why for lost in holed.lost] == ["hole"]
    assert sum(holed.missing()) == whole.frames - holed.frames and holed.samples == len(SOUND)
    junk = survey(io.BytesIO(content[:middle] + b"some junk" + content[middle:]))
    assert junk.claim.damage == "" or junk.frames < whole.frames - 1


def test_a_live_webm_has_no_sizes_and_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    _webm(path, [(0, SOUND)], live="1")
    with path.open("rb") as file:
        assert webm.claim(file).damage == ""
    assert abs(decode(path, tmp_path / "out").audio.samples - 3 * len(SOUND)) <= 48


def test_a_pause_in_the_clock_of_a_recorder_is_silence(tmp_path: Path) -> None:
    """Recorders in browsers stop the stream and go on: nothing is damaged, and what follows must not move forward."""
    path = tmp_path / "a.webm"
    _webm(path, [(0, SOUND), (len(SOUND) + 2 * RATE, SOUND)])
    made = decode(path, tmp_path / "out")
    assert made.damaged == () and "pauses 1 times" in made.notes[0]
    assert made.audio.samples / 48000 == pytest.approx(8, abs=0.03)
    pause = made.audio.read(Span(int(3.1 * 48000), int(4.9 * 48000)))
    assert not pause.any()


def _webm(path: Path, parts: list[tuple[int, np.ndarray]], **options: str) -> None:
    with av.open(str(path), "w", format="webm", options=options) as file:
        stream = file.add_stream("libopus", rate=48000, layout="mono")
        fitted = av.AudioResampler("flt", "mono", 48000, 960)
        packets = []
        for start, sound in parts:
            frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), "flt", "mono")
            frame.sample_rate, frame.pts = RATE, start
            for piece in fitted.resample(frame):
                packets += [(start, packet) for packet in stream.encode(piece)]
        for piece in fitted.resample(None):
            packets += [(parts[-1][0], packet) for packet in stream.encode(piece)]
        moved = parts[-1][0] - sum(len(sound) for _, sound in parts[:-1])
        packets += [(parts[-1][0], packet) for packet in stream.encode(None)]
        for start, packet in packets:
            if start and packet.pts < 48000 * start // RATE - 48000:
                packet.pts += moved * 48000 // RATE
                packet.dts = packet.pts
            file.mux(packet)
