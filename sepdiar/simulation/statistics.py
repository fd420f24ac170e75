"""What came out: counted on the true turns, not on what the simulator meant to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar.conversation import Conversation
from sepdiar.formats.segments import speech
from sepdiar.metrics.floor import talks, transfers
from sepdiar.simulation.talk import Ears
from sepdiar.simulation.truth import speech_time
from sepdiar.simulation.turntaking import Placed

WINDOW = 0.2  # seconds: the mode of the gap is the middle of the window that holds the most


def describe(truth: Conversation, placed: Sequence[Placed], ears: Ears) -> dict[str, Any]:
    """Counts of one dialogue; all but `gaps` add up over dialogues."""
    rate, turns = truth.recording.rate, truth.turns
    offsets = [one.offset / rate for one in transfers(talks(turns))]
    words = sum(len(turn.words) for turn in turns)
    spoken = speech_time(turns)
    return {
        "seconds": truth.recording.seconds,
        "speech_seconds": spoken / rate,
        "overlap_seconds": (sum(len(span) for own in speech(turns).values() for span in own) - spoken) / rate,
        "turns": len(turns),
        "backchannels": sum(one.backchannel for one in placed),
        "changes": len(offsets),
        "overlapped_changes": sum(offset < 0 for offset in offsets),
        "offsets": [round(offset, 4) for offset in offsets],
        "words": words,
        "words_with_estimated_times": sum(len(one.words) for one in placed if not one.timed),
        "parts_without_known_words": sum(one.untold for one in placed),
        "utterances": len(ears.uses),
        "utterances_used_again": sum(count - 1 for count in ears.uses.values()),
        "silent_utterances": len(ears.silent),
    }


def total(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The counts of all dialogues, and the shares that follow from them."""
    rows = list(rows)
    sums = {key: sum(row[key] for row in rows) for key, value in rows[0].items() if isinstance(value, int | float)}
    offsets = np.array([offset for row in rows for offset in row["offsets"]])
    gaps = offsets[offsets >= 0]
    return {
        **{key: round(value, 6) for key, value in sums.items()},
        "overlap": _share(sums["overlap_seconds"], sums["speech_seconds"]),
        "share_of_overlapped_changes": _share(sums["overlapped_changes"], sums["changes"]),
        "gap_mode_seconds": _mode(gaps),
        "gap_median_seconds": round(float(np.median(gaps)), 4) if len(gaps) else None,
    }


def _mode(gaps: NDArray[np.float64]) -> float | None:
    if not len(gaps):
        return None
    middles = np.arange(WINDOW / 2, 3, 0.01)
    held = [np.count_nonzero(np.abs(gaps - middle) <= WINDOW / 2) for middle in middles]
    return round(float(np.mean(middles[np.flatnonzero(np.equal(held, max(held)))])), 3)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
