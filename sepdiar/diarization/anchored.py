"""Listens to two people a second time, each window behind a little of each of them alone.

The first time a window has to do with voices that it has just met, and those of the next window are linked to them afterwards.
The second time it has heard whom to look for: in what the segmenter hears, who speaks in the first half of the anchor is the
first speaker, and who in the second half, the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.diarization.activity import RATE
from sepdiar.diarization.windows import Activity, Plan, Segmenter, listen, together
from sepdiar.separation.anchors import Anchors
from sepdiar.separation.plan import Activity as Speaking

ANCHOR = 96  # frames of each speaker before a window
AWAY = 4  # frames beside the ends of an anchor that do not count


def anchored(audio: Audio, plan: Plan, segmenter: Segmenter, turns: Sequence[Turn]) -> Activity | None:
    """The probability of each of two speakers, in the order of their names, in each frame; None where there are not two, or one
    is alone for too short a time. `turns` are those of the first time."""
    speaking = Speaking(turns, audio.samples)
    pair = sorted(speaking.spoken)
    if len(pair) != 2:
        return None
    before = Anchors(speaking, lambda span: audio.read(span)[:, 0], RATE, ANCHOR * plan.hop / RATE).before(pair)
    if not len(before):
        return None

    def hears(places: Sequence[Span], samples: Samples) -> Activity:
        with_anchor = np.hstack([np.broadcast_to(before, (len(samples), len(before))), samples])
        return np.stack([_of_both(one) for one in segmenter(places, with_anchor)])

    windows = listen(audio, plan, hears)
    return together(windows, np.tile(np.arange(2), (len(windows), 1)), 2)


def _of_both(heard: Activity) -> Activity:
    """What is heard of the two who speak in the anchor, (frames, 2), behind it."""
    first, second = (heard[begin + AWAY : begin + ANCHOR - AWAY].mean(0) for begin in (0, ANCHOR))
    lean = first - second
    pair = max(permutations(range(heard.shape[1]), 2), key=lambda two: float(lean[two[0]] - lean[two[1]]))
    return heard[2 * ANCHOR :, list(pair)]
