"""FLAC, exact and always the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from sepdiar.errors import SepdiarError


def write_flac(path: Path, rate: int, bits: int, blocks: Iterable[NDArray[np.floating[Any]]], channels: int = 2) -> int:
    """Write frames of full scale 1 with `bits` (16 or 24) a sample; gives how many samples were beyond full scale.

    A sample that came from an integer of that many bits goes back to the same integer. `OSError` where the disk refuses, SD117
    where FLAC has no such rate.
    """
    if rate > 655350 or (rate > 65535 and rate % 10):
        raise SepdiarError("SD117", f"{rate} Hz")
    dtype, unused = (np.int16, 1) if bits == 16 else (np.int32, 1 << (32 - bits))
    scale = 1 << (bits - 1)
    clipped = 0
    with path.open("w+b") as file:
        guarded = _Guarded(file)
        with soundfile.SoundFile(guarded, "w", rate, channels, f"PCM_{bits}", format="FLAC") as flac:
            for frames in blocks:
                levels = np.rint(frames.astype(np.float64) * scale)
                clipped += int(np.count_nonzero((levels < -scale) | (levels > scale - 1)))
                flac.write((np.clip(levels, -scale, scale - 1) * unused).astype(dtype))
                guarded.check()
        guarded.check()
    return clipped


class _Guarded:
    """A file whose errors survive libsndfile, which would swallow them and leave a file that only looks whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self.file.write(data)
        except OSError as error:
            self.error = self.error or error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self.file.seek(offset, whence)
        except OSError as error:
            self.error = self.error or error
        return offset

    def read(self, count: int = -1) -> bytes:
        return self.file.read(count)

    def tell(self) -> int:
        return self.file.tell()

    def check(self) -> None:
        if self.error:
            raise self.error
