"""WAV, AIFF, AU, CAF, FLAC, Ogg Vorbis and Ogg Opus by libsndfile, which treats damage as an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

import soundfile

from sepdiar.audio.readers import Piece, Reading
from sepdiar.audio.source import BLOCK
from sepdiar.errors import SepdiarError

_NEEDS_24_BITS = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "DWVW_24", "ALAC_20", "ALAC_24", "ALAC_32"}
_UNKNOWN = 1 << 62


def read(file: BinaryIO) -> Reading | None:
    """The recording, or None where libsndfile does not know the codec or cannot read on without its length.

    Lossy codecs get 16 bits: rounding there is far below what they lose themselves.
    """
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    try:
        sound = soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError:
        return None
    if sound.frames >= _UNKNOWN:
        return None
    bits = 24 if sound.subtype in _NEEDS_24_BITS else 16
    return Reading(sound.samplerate, sound.channels, bits, _pieces(sound), declared=sound.frames)


def _pieces(sound: soundfile.SoundFile) -> Iterator[Piece]:
    place = 0
    while True:
        try:
            frames = sound.read(BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            what = error.error_string.removeprefix("Error : ").rstrip(".")
            raise SepdiarError("SD112", f"{what}, after {max(place, sound.tell()) / sound.samplerate:.2f} s") from error
        if not len(frames):
            return
        yield place, frames
        place += len(frames)
