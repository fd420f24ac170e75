"""Whether the two channels of a recording are two people, found by measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio, Samples, blocks

FRAMES_A_SECOND = 25
ISOLATION_DB = 18.0
STRONG_DB = 12.0
ALONE = 0.4
ALONE_SECONDS = 0.6
SILENT_DB = -80.0
BENEATH_DB = 40.0
STEADY_DB = 6.0
OPPOSITE = -0.9

Powers = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """Which channels to keep, and why, in words. `isolated` are the shares of left's and right's strong frames in which
    the other is `ISOLATION_DB` beneath."""

    keep: Literal["both", "left", "right", "mean"]
    why: str
    isolated: tuple[float, float] = (0.0, 0.0)


def judge(audio: Audio) -> Verdict:
    """Listen to both channels by stretches and say what they are. The rule:

    1. Channels that are the same sample for sample are one: left.
    2. A channel without a voice is left out: one that stays under -80 dBFS or 40 dB beneath the other, or whose level
       never moves by 6 dB (hum, hiss) while the other's does.
    3. **One speaker a channel.** Each channel's level is taken in frames of 40 ms after pre-emphasis, its own noise floor
       (tenth percentile) taken off, and set against its own speech level (99th percentile), so that gains do not
       count. A frame is *strong* within 12 dB of that level, and *alone* where the other channel is at least 18 dB
       lower on its own scale. Two people were recorded apart where, on both channels, at least 0.6 s and 40 % of the
       strong frames are alone. Panned voices, rooms with two microphones and music leak more than that: in them one
       channel moves with the other.
    4. Channels of opposite polarity (correlation under -0.9) would cancel: left.
    5. All else is a mix: the mean.
    """
    left, right, product, same = _measure(audio)
    if same:
        return Verdict("left", "both channels are the same: one was kept")
    loud_left, loud_right = map(float, _decibel(np.percentile([left, right], 99, axis=1)))
    for name, own, other, mine, theirs in (
        ("right", loud_left, loud_right, left, right),
        ("left", loud_right, loud_left, right, left),
    ):
        keep: Literal["left", "right"] = "left" if name == "right" else "right"
        if own <= SILENT_DB and other <= SILENT_DB:
            break
        if other <= max(SILENT_DB, own - BENEATH_DB):
            return Verdict(keep, f"the {name} channel is silent: {keep} was kept")
        if _moves(theirs) < STEADY_DB <= _moves(mine):
            return Verdict(keep, f"the {name} channel holds noise alone: {keep} was kept")
    isolated = _alone(left, right), _alone(right, left)
    if min(share for share, _ in isolated) >= ALONE and min(count for _, count in isolated) >= ALONE_SECONDS * FRAMES_A_SECOND:
        shares = isolated[0][0], isolated[1][0]
        return Verdict("both", "one speaker a channel: {:.0%} of left and {:.0%} of right is alone".format(*shares), shares)
    if product.sum() < OPPOSITE * np.sqrt(left.sum() * right.sum()):
        return Verdict("left", "the channels have opposite polarity: left was kept")
    return Verdict("mean", "two channels of one mix: their mean was taken", (isolated[0][0], isolated[1][0]))


def _measure(audio: Audio) -> tuple[Powers, Powers, Powers, bool]:
    """Power of left and right, and of their product, in frames; and whether the channels are the same."""
    length = max(audio.rate // FRAMES_A_SECOND, 1)
    rows: list[NDArray[np.float64]] = []
    same = True
    before = np.zeros((1, 2), np.float32)
    for _, frames in blocks(audio, size=length * 10 * FRAMES_A_SECOND):
        same = same and bool((frames[:, 0] == frames[:, 1]).all())
        bright = _pre_emphasised(frames, before)
        before = frames[-1:]
        whole = max(len(bright) // length, 1)
        parts = bright[: whole * length].reshape(whole, -1, 2)
        powers = np.mean(parts * parts, axis=1)
        rows.append(np.column_stack([powers, np.mean(parts[..., 0] * parts[..., 1], axis=1)]))
    table = np.concatenate(rows)
    return table[:, 0], table[:, 1], table[:, 2], same


def _pre_emphasised(frames: Samples, before: Samples) -> NDArray[np.float64]:
    """Without what hum and offset add: x[n] - 0.95 x[n-1]."""
    return frames.astype(np.float64) - 0.95 * np.concatenate([before, frames[:-1]]).astype(np.float64)


def _alone(one: Powers, other: Powers) -> tuple[float, int]:
    """The share of the strong frames of `one` in which `other` is quiet, each on its own scale, and their number."""
    own, others = _relative(one), _relative(other)
    strong = own >= -STRONG_DB
    alone = strong & (others <= own - ISOLATION_DB)
    return float(alone.sum() / max(strong.sum(), 1)), int(alone.sum())


def _relative(power: Powers) -> NDArray[np.float64]:
    floor = 1.5 * np.percentile(power, 10)
    over = np.maximum(power - floor, 0)
    return _decibel(over) - _decibel(np.percentile(over, 99))


def _moves(power: Powers) -> float:
    low, high = np.percentile(power, (10, 99))
    return float(_decibel(high) - _decibel(low))


def _decibel(power: Powers) -> Powers:
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))
