"""M4A, WebM, and what libsndfile cannot: FFmpeg's libraries, told to raise at damage and kept from opening anything else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO, NoReturn

import av
import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.readers import Piece, Reading, gathered
from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError

STRICT = {"err_detect": "crccheck+bitstream+buffer+explode"}
_DEMUXERS = {
    "mp4": "mov",
    "webm": "matroska",
    "ogg": "ogg",
    "flac": "flac",
    "wav": "wav",
    "aiff": "aiff",
    "caf": "caf",
    "au": "au",
}
_LOSSLESS = ("flac", "alac", "pcm_")
_PCM = ("u8", "s8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be", "alaw", "mulaw")
_CODECS = (
    *("aac", "aac_latm", "alac", "flac", "vorbis", "opus", "libopus", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3"),
    *("amrnb", "amrwb", "gsm", "gsm_ms", "adpcm_ima_wav", "adpcm_ms", "adpcm_ima_qt"),
    *(f"pcm_{layout}" for layout in _PCM),
)
_PLANES = 8  # PyAV finds the end of fewer planes than this, and reads beyond the end of more (seen in 18.1)
_FULL_SCALE = {"u8": 1 << 7, "s16": 1 << 15, "s32": 1 << 31}


def read(file: BinaryIO, kind: str, *, strict: bool = True) -> Reading:
    """The first audio stream. FFmpeg gets an open file and the name of the one demuxer that it may use: it cannot follow a
    playlist or a reference, and opens no address. Not strict: packets that cannot be decoded are left out, as gaps.
    """
    options = {"protocol_whitelist": "", "format_whitelist": _DEMUXERS[kind], "codec_whitelist": ",".join(_CODECS)}
    if kind == "wav":
        options["ignore_length"] = "1"
    if strict:
        options |= STRICT
    try:
        container: Any = av.open(
            _Plain(file),
            format=_DEMUXERS[kind],
            options=options,
            metadata_errors="replace",
            io_open=_refuse,
        )
    except av.FFmpegError as error:
        raise SepdiarError("SD112", f"the {kind} container cannot be opened: {error.strerror}") from error
    if not container.streams.audio:
        raise SepdiarError("SD106", f"the {kind} container holds no audio stream")
    return _opened(container, kind, strict)


def _opened(container: Any, kind: str, strict: bool) -> Reading:
    stream = container.streams.audio[0]
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    if codec not in _CODECS:
        raise SepdiarError("SD106", f"the codec {codec} is not supported")
    stream.codec_context.options = STRICT
    stream.codec_context.thread_count = 1
    decoded = _decoded(container, stream, strict)
    if (first := next(decoded, None)) is None:
        raise SepdiarError("SD110", f"the {kind} container holds not one frame that can be decoded")
    rate, channels = first[0].sample_rate, len(first[0].layout.channels)
    lossless = codec.startswith(_LOSSLESS)
    narrow = first[0].format.name.removesuffix("p") in ("s16", "u8")
    reading = Reading(rate, channels, 16 if narrow or not lossless else 24, iter(()), pauses=kind == "webm")
    _declare(reading, container, stream, kind, strict)
    if len(container.streams.audio) > 1:
        reading.notes.append(f"{len(container.streams.audio)} audio streams: the first was read")
    tolerance = _tolerance(kind, rate, stream.time_base, strict)
    reading.pieces = gathered(_placed(kind, first, decoded, reading, tolerance))
    return reading


def _declare(reading: Reading, container: Any, stream: Any, kind: str, strict: bool) -> None:
    """What the file says of its length. Ogg says nothing, and what Matroska says is of the longest stream: a hint."""
    if kind == "webm" and container.duration and not strict:
        reading.declared = container.duration * reading.rate // av.time_base
        reading.slack = reading.rate // 10
    elif kind not in ("webm", "ogg", "wav") and stream.duration:
        reading.declared = round(stream.duration * stream.time_base * reading.rate)
        reading.slack = reading.rate // 500 + 1 if kind == "mp4" else 0  # an edit list counts in ticks of 1/600 or 1/1000 s


def _decoded(container: Any, stream: Any, strict: bool) -> Iterator[tuple[Any, Any]]:
    """Every frame with the packet that it came from."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            if strict:
                raise SepdiarError("SD112", f"the container breaks off: {error.strerror}") from error
            return
        if packet is None:
            return
        if packet.is_corrupt and container.format.name not in ("wav", "caf"):  # whose cut ends `containers.chunks` finds
            if strict:
                raise SepdiarError("SD112", f"a packet is cut, after {_seconds(packet)}")
            continue
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            if strict:
                raise SepdiarError("SD112", f"a packet cannot be decoded, after {_seconds(packet)}") from error
            continue
        for frame in frames:
            yield frame, packet


def _placed(
    kind: str, first: tuple[Any, Any], others: Iterator[tuple[Any, Any]], reading: Reading, tolerance: int
) -> Iterator[Piece]:
    """Every frame on the stream's clock, from its first sample, without what the codec added at the end."""
    rate, end, origin = reading.rate, 0, None
    limit = None if reading.declared is None else reading.declared + reading.slack
    for frame, packet in chain([first], others):
        if frame.sample_rate != rate or len(frame.layout.channels) != reading.channels:
            raise SepdiarError("SD106", f"rate or channels change after {end / rate:.2f} s")
        samples = to_float(frame)
        place = end
        if frame.pts is not None:
            clock = round(frame.pts * frame.time_base * rate)
            origin = clock if origin is None else origin
            if clock - origin > end + tolerance:
                place = end + _whole_frames(clock - origin - end, len(samples), round(float(frame.time_base) * rate))
        if packet.duration and packet.pts is not None and kind == "mp4" and origin is not None:
            until = round((packet.pts + packet.duration) * packet.time_base * rate) - origin
            samples = samples[: max(until - place, 0)]
        if limit is not None and kind == "mp4" and place + len(samples) > limit:
            samples = samples[: max((reading.declared or 0) - place, 0)]
        if len(samples):
            yield place, samples
            end = place + len(samples)


def _whole_frames(gap: int, frame: int, tick: int) -> int:
    """The gap as the whole frames that it must be, where the clock's tick is too coarse to tell."""
    whole = round(gap / frame) * frame
    return whole if abs(whole - gap) <= 2 * tick else gap


def _tolerance(kind: str, rate: int, tick: Any, strict: bool) -> int:
    """How far a place may be off before it is a gap: Matroska counts milliseconds, and recorders stamp the arrival."""
    if kind == "webm":
        return rate // 20 if strict else rate // 100
    return max(2, round(float(tick) * rate))


def to_float(frame: Any) -> Samples:
    """A decoded frame as float32 of shape (frames, channels), integers divided by full scale."""
    if frame.format.is_planar and len(frame.layout.channels) >= _PLANES:
        (frame,) = av.AudioResampler(frame.format.packed, frame.layout, frame.sample_rate).resample(frame)
    samples: NDArray[Any] = frame.to_ndarray()
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, len(frame.layout.channels))
    scale = _FULL_SCALE.get(frame.format.name.removesuffix("p"))
    if scale is None:
        return np.asarray(samples, np.float32)
    offset = scale if scale == 1 << 7 else 0
    return np.asarray((samples.astype(np.float64) - offset) / scale, np.float32)


def _seconds(packet: Any) -> str:
    return "the start" if packet.pts is None else f"{float(packet.pts * packet.time_base):.2f} s"


class _Plain:
    """An open file without its name, read at a place of its own whatever else reads it."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor, self._place = file.fileno(), 0

    def read(self, count: int) -> bytes:
        data = os.pread(self._descriptor, count, self._place)
        self._place += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = os.fstat(self._descriptor).st_size
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: size}[whence]
        self._place = min(max(origin + offset, 0), size)  # damaged files point anywhere
        return self._place

    def tell(self) -> int:
        return self._place


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"a recording may not open another file: {url!r}")
