"""How much room on the disk a run needs: what will be kept, and what lies there while a recording is worked on."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from heapq import nlargest
from pathlib import Path

from sepdiar.audio.containers import header
from sepdiar.audio.inputs import open_regular
from sepdiar.audio.limits import SAMPLE
from sepdiar.audio.sniff import behind_id3, sniff_open
from sepdiar.errors import SepdiarError

COPIES = 5
"""How often the samples lie on the disk: as they were decoded, a track for each of three speakers, and at another rate."""
KEPT_LOSSLESS, KEPT_LOSSY, SAMPLES_LOSSY = 2, 12, 32
"""How many times a file's bytes its item takes, and its samples once, where the header does not tell."""


def space_needed(files: Iterable[Path], at_once: int) -> int:
    """Bytes that the items of these inputs, and the scratch files of so many at a time, may take: a guess on the safe side."""
    kept, scratch = 0, list[int]()
    for file in files:
        with suppress(OSError, SepdiarError):  # its worker will say what is wrong with it
            item, samples = _of(file)
            kept += item
            scratch.append(COPIES * samples)
    return kept + sum(nlargest(at_once, scratch))


def _of(path: Path) -> tuple[int, int]:
    """Bytes that the item takes (two channels, compressed without loss), and bytes of the samples."""
    with open_regular(path) as file:
        size = file.seek(0, 2)
        kind = sniff_open(file)
        if kind is None:
            return 0, 0
        claim = header.claim(file, kind, behind_id3(file))
    lossless = kind == "flac" or kind in header.CHUNKED
    samples = claim.samples * SAMPLE * min(claim.channels, 2) if claim.samples else SAMPLES_LOSSY * size
    return size * (KEPT_LOSSLESS if lossless else KEPT_LOSSY), samples
