"""Where decoded samples go: a sparse float32 file, on the recording's clock, every sample on the grid of its depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.limits import Limit
from sepdiar.audio.runs import runs
from sepdiar.audio.source import RawAudio, Samples
from sepdiar.conversation import Span, merged
from sepdiar.errors import SepdiarError


class Scratch:
    """Takes frames with their place, and keeps at most two channels: of more it keeps the mean.

    Samples are rounded to `bits` and clipped at full scale (counted in `clipped`), so that writing them as PCM of that
    depth loses nothing; for PCM input both change nothing. What is never put reads as silence. Samples that are not
    numbers are SD114, or silence and `damaged` where `salvage` says so.
    """

    def __init__(self, path: Path, rate: int, channels: int, bits: int, limit: Limit, salvage: bool = False) -> None:
        self.rate, self.channels, self.bits, self.limit, self.salvage = (
            rate,
            min(channels, 2 if channels == 2 else 1),
            bits,
            limit,
            salvage,
        )
        self.path = path
        self.end = 0
        self.clipped = 0
        self.unreal = 0
        self._damaged: list[Span] = []
        self._file = path.open("wb")

    def put(self, place: int, frames: Samples) -> None:
        """Frames of shape (n, channels of the input) whose first is sample `place` of the recording."""
        self.limit.refuse(place + len(frames))
        if not np.isfinite(frames).all():
            frames = self._only_numbers(place, frames)
        if frames.shape[1] > 2:
            frames = frames.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        scale = np.float32(1 << (self.bits - 1))
        self.clipped += int(np.count_nonzero(np.abs(frames) > 1))
        levels = np.clip(np.rint(frames * scale), -scale, scale - 1)
        self._file.seek(place * 4 * self.channels)
        self._file.write(np.ascontiguousarray(levels / scale, dtype=np.float32).data)  # tofile() would hide why a disk refuses
        self.end = max(self.end, place + len(frames))

    def damage(self, span: Span) -> None:
        """Keep a span as damaged; nothing must have been put there."""
        self._damaged.append(span)
        self.end = max(self.end, span.end)
        self.limit.refuse(self.end)

    @property
    def damaged(self) -> tuple[Span, ...]:
        return merged(self._damaged)

    def close(self) -> RawAudio:
        """The audio, the file being as long as the recording."""
        self._file.truncate(self.end * 4 * self.channels)
        self._file.close()
        return RawAudio(self.path, self.rate, self.end, self.channels, self.bits)

    def _only_numbers(self, place: int, frames: Samples) -> Samples:
        wrong: NDArray[np.bool_] = np.logical_or.reduce(~np.isfinite(frames), axis=1)
        if not self.salvage:
            first = place + int(wrong.argmax())
            raise SepdiarError("SD114", f"the first at {first / self.rate:.3f} s")
        self.unreal += int(wrong.sum())
        self._damaged += [Span(*run) for run in (place + runs(wrong)).tolist()]
        return np.where(wrong[:, None], np.float32(0), frames)
