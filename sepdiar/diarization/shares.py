"""Whose each frame is: the voice of the nearest stretch, and where two speak, who else the windows hear there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.runs import runs
from sepdiar.diarization.linking import Names
from sepdiar.diarization.stretches import RATE, Stretches
from sepdiar.diarization.windows import FULL, Activity, Flags, Windows, weight

AWAY = 10.0  # seconds to the nearest stretch: further off it is nobody's
NEAR = 2.0  # seconds from an overlap in which what a local speaker says alone counts by half or so
SECOND = 0.3  # of the frames of an overlap, in which a window must hear a second local speaker

Votes = NDArray[np.float64]


def anybody(windows: Windows) -> tuple[Activity, Activity]:
    """How likely anybody is heard in each frame of the recording, and how likely two are, as the windows say together."""
    frames, length = windows.plan.frames(windows.samples), windows.plan.length
    said = np.zeros((max(frames, length), 2), np.float32)
    weights, middle = np.zeros((len(said), 1), np.float32), weight(length)
    for heard, start in zip(windows.heard, windows.starts.tolist(), strict=True):
        speakers = heard.astype(np.float32).sum(1) / FULL
        said[start : start + length] += middle * np.stack([np.minimum(speakers, 1), np.clip(speakers - 1, 0, 1)], 1)
        weights[start : start + length] += middle
    one, two = (said / weights)[:frames].T
    return one, two


def shared(windows: Windows, stretches: Stretches, names: Names, people: int, one: Flags, two: Flags) -> Activity:
    """1 where each of `people` speaks, (frames, people): one of them in the frames of `one`, two in those of `two`."""
    first = _nearest(windows, stretches, names, len(one))
    second = np.full(len(one), -1)
    if people > 1:
        for begin, end in runs(two).tolist():
            pairs = _pairs(windows, stretches, names, people, begin, end)
            for own in np.unique(first[begin:end][first[begin:end] >= 0]).tolist():
                others = np.where(np.arange(people) == own, -1.0, pairs[own])
                second[begin:end][first[begin:end] == own] = int(others.argmax())
    there = np.arange(people)
    made: Activity = (((first[:, None] == there) & one[:, None]) | (second[:, None] == there)).astype(np.float32)
    return made


def _nearest(windows: Windows, stretches: Stretches, names: Names, frames: int) -> Names:
    """The name of the stretch that is nearest to each frame, -1 where none is near."""
    found, distance, reach = np.full(frames, -1), np.full(frames, np.inf), round(AWAY * RATE / windows.plan.hop)
    for start, end, name in zip(stretches.starts.tolist(), stretches.ends.tolist(), names.tolist(), strict=True):
        part = slice(max(0, start - reach), min(frames, end + reach))
        at = np.arange(part.start, part.stop)
        away = np.maximum(np.maximum(start - at, at - end + 1), 0)
        nearer = away < distance[part]
        found[part][nearer], distance[part][nearer] = name, away[nearer]
    return found


def _pairs(windows: Windows, stretches: Stretches, names: Names, people: int, begin: int, end: int) -> Votes:
    """How much speaks for each two people being those who speak there: in each window that hears two local speakers, by what
    these say alone near by; and a little, who speaks alone nearest to it."""
    votes, length = np.zeros((people, people)), windows.plan.length
    seconds = windows.plan.hop / RATE
    for window in range(*np.searchsorted(windows.starts, (begin - length + 1, end)).tolist()):
        start, alone = int(windows.starts[window]), windows.alone(window)
        heard = windows.active(window)[max(0, begin - start) : end - start].mean(0)
        pair = np.argsort(-heard, kind="stable")[:2]
        if heard[pair[1]] < SECOND:
            continue
        own = np.zeros((heard.size, people))
        for at in _within(stretches, start, start + length):
            first, last = int(stretches.starts[at]), int(stretches.ends[at])
            away = max(0, begin - last, first - end) * seconds
            own[:, names[at]] += alone[max(0, first - start) : last - start].sum(0) * np.exp(-away / NEAR)
        own /= np.maximum(own.sum(1, keepdims=True), 1e-9)
        both = own[pair[0]][:, None] + own[pair[1]]
        votes += both + both.T
    middle = (begin + end) / 2
    for at in _within(stretches, begin - 10 * length, end + 10 * length):
        away = abs(int(stretches.middles[at]) - middle) * seconds
        votes[:, names[at]] = np.maximum(votes[:, names[at]], 1e-3 / (1 + away))
    return votes


def _within(stretches: Stretches, begin: int, end: int) -> range:
    """The stretches whose middle lies there, or nearly."""
    return range(*np.searchsorted(stretches.middles, (begin + 1, end)).tolist())
