"""MP3 and ADTS AAC, frame by frame: we walk, FFmpeg's codecs decode, so that a lost frame is seen and keeps its time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import av
import numpy as np

from sepdiar.audio.containers.mpeg import Lost, walk
from sepdiar.audio.containers.survey import Survey
from sepdiar.audio.readers import Piece, Reading, gathered
from sepdiar.audio.readers.ffmpeg import STRICT, to_float
from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError

_CODECS = {"mp3": "mp3float", "aac": "aac"}
_WARM_UP = 2  # frames at the beginning of a cutting, and behind a hole, that refer to what is not there


def read(file: BinaryIO, seen: Survey, *, strict: bool = True) -> Reading:
    """The recording as `seen` found it. Not strict: frames that are lost or cannot be decoded are gaps of their length."""
    if seen.header is None:
        raise SepdiarError("SD110", "no whole frame")
    frames = _decoded(file, seen, strict)
    first = next(frames, None)
    if first is None:
        raise SepdiarError("SD112", "no frame can be decoded")
    _, samples, rate = first
    ratio = rate // seen.header.rate  # 2 for AAC with a high band that the header does not tell of
    reading = Reading(rate, samples.shape[1], 16, iter(()), declared=seen.samples * ratio)
    reading.pieces = gathered(_trimmed(first, frames, reading, seen.delay * ratio))
    return reading


def _decoded(file: BinaryIO, seen: Survey, strict: bool) -> Iterator[tuple[int, Samples, int]]:
    """Place (before trimming), samples and rate of each frame."""
    kind = seen.header.kind if seen.header else "mp3"
    codec: Any = av.CodecContext.create(_CODECS[kind], "r")
    codec.options, codec.thread_count = STRICT, 1
    missing = iter(seen.missing())
    index = 0
    unsure = 0
    describing = seen.described
    for part in walk(file):
        if isinstance(part, Lost):
            index += next(missing, 0)
            unsure = index + _WARM_UP
            codec.flush_buffers()
            continue
        if describing:
            describing = False
            continue
        made = _decode(codec, part.data, strict and index >= max(unsure, _WARM_UP), part.place)
        if made is not None:
            samples, rate = made
            yield index * len(samples), samples, rate
        index += 1


def _decode(codec: Any, data: bytes, strict: bool, place: int) -> tuple[Samples, int] | None:
    try:
        frames = codec.decode(av.Packet(data))
    except av.FFmpegError as error:
        if strict:
            raise SepdiarError("SD112", f"the frame at byte {place} cannot be decoded") from error
        return None
    return (np.concatenate([to_float(frame) for frame in frames]), frames[0].sample_rate) if frames else None


def _trimmed(
    first: tuple[int, Samples, int], others: Iterator[tuple[int, Samples, int]], reading: Reading, delay: int
) -> Iterator[Piece]:
    for place, samples, rate in chain([first], others):
        if rate != reading.rate or samples.shape[1] != reading.channels:
            raise SepdiarError("SD106", f"rate or channels change after {place / reading.rate:.2f} s")
        start = place - delay
        kept = samples[max(-start, 0) : max((reading.declared or 0) - start, 0)]
        if len(kept):
            yield max(start, 0), kept
