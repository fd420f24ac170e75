"""Moves the edges of speech, found on a coarse grid, to where the sound itself rises and falls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sepdiar.conversation import Span

STEP = 80  # samples of one loudness value: 5 ms at 16 kHz
REACH = 60  # steps that an edge may move: 300 ms
AROUND = 160  # steps before and behind that are looked at for the floor: 800 ms
GAP = 8  # a closure of 40 ms, as before a plosive, does not end the sound
PAUSE = 20  # a silence of 100 ms is a place where somebody else may begin
LEAD = 3  # steps that an edge is set outward: sounds begin and end softer than the threshold
COARSE = 20  # steps that share a value of the floor
ABOVE_FLOOR, BELOW_PEAK = 3.5, 35.0  # decibels: what counts as sound between the local floor and the local peak


def refined(spans: Sequence[Span], loudness: NDArray[np.float32]) -> tuple[Span, ...]:
    """The spans, each edge moved by at most 300 ms; `loudness` in decibels of each 5 ms. A span can vanish."""
    backwards = loudness[::-1]
    moved = []
    for span in spans:
        first, last = span.start // STEP, -(-span.end // STEP)
        start = _onset(loudness, first)
        end = len(loudness) - _onset(backwards, len(loudness) - last)
        if start < end:
            moved.append(Span(start * STEP, end * STEP))
    return tuple(moved)


def without_pauses(spans: Sequence[Span], loudness: NDArray[np.float32], background: NDArray[np.float32]) -> tuple[Span, ...]:
    """The spans with every pause of 100 ms or more cut out; `background` as `floor` gives it."""
    parts = []
    for span in spans:
        first, last = span.start // STEP, -(-span.end // STEP)
        level = loudness[first:last]
        sound = np.flatnonzero(level > np.maximum(background[first:last] + ABOVE_FLOOR, np.percentile(level, 95) - BELOW_PEAK))
        if sound.size:
            cuts = np.flatnonzero(np.diff(sound) > PAUSE)
            starts = np.concatenate([[sound[0] - LEAD if sound[0] > PAUSE else 0], sound[cuts + 1] - LEAD])
            tail = last - first - sound[-1]
            ends = np.concatenate([sound[cuts] + 1 + LEAD, [last - first - (tail - 1 - LEAD if tail > PAUSE else 0)]])
            parts += [Span((first + a) * STEP, (first + b) * STEP) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return tuple(parts)


def floor(loudness: NDArray[np.float32], seconds: float = 10.0) -> NDArray[np.float32]:
    """For each step the level of the background: the tenth of the time within `seconds` around it is softer."""
    from scipy.ndimage import percentile_filter

    coarse = np.pad(loudness, (0, -len(loudness) % COARSE), mode="edge").reshape(-1, COARSE).mean(1)
    slow = percentile_filter(coarse, 10, size=round(seconds * 200 / COARSE), mode="nearest")
    return np.repeat(slow, COARSE)[: len(loudness)]


def _onset(loudness: NDArray[np.float32], coarse: int) -> int:
    left, right = max(coarse - AROUND, 0), min(coarse + AROUND, len(loudness))
    near = loudness[left:right]
    smooth = np.convolve(np.pad(near, 1, mode="edge"), np.full(3, 1 / 3), "valid")
    quiet = np.percentile(smooth, 10)
    peak = smooth[coarse - left :].max(initial=quiet)
    sound = smooth > max(quiet + ABOVE_FLOOR, peak - BELOW_PEAK)
    inside = np.flatnonzero(sound[coarse - left : coarse - left + REACH])
    if not inside.size:
        return coarse
    onset = first = coarse - left + int(inside[0])
    if inside[0] == 0 or first - (coarse - left) < GAP:
        for step in range(first - 1, max(coarse - left - REACH, 0) - 1, -1):
            if sound[step]:
                onset = step
            elif onset - step > GAP:
                break
    return max(left + onset - LEAD, 0)
