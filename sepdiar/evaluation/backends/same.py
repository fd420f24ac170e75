"""Whether two answers are the same: turns within a frame, words one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Answer = list[Any]  # [speaker, start, end] of each turn in seconds, or words
FRAME = 0.02  # seconds
MOST = 6  # speakers of which every order is tried


def compared(ours: Mapping[str, Answer], theirs: Mapping[str, Answer], kind: str) -> str:
    """In a few words: of a diarizer's turns of the recording, or of a recogniser's words of its beginning."""
    return turns(ours["whole"], theirs["whole"]) if kind == "diarizer" else words(ours["first"], theirs["first"])


def turns(ours: Answer, theirs: Answer) -> str:
    """Of who speaks when, whatever the speakers are called.

    >>> turns([["a", 0.0, 1.0], ["b", 2.0, 3.0]], [["y", 2.0, 3.01], ["x", 0.0, 1.0]])
    'the same 2 turns within a frame'
    >>> turns([["a", 0.0, 1.0]], [["x", 0.0, 0.5]])
    'other turns: 1 against 1, 50.00 % of the time other speakers'
    """
    one, other = (sorted((start, end, who) for who, start, end in some) for some in (ours, theirs))
    if len(one) == len(other):
        names: dict[str, str] = {}
        near = all(
            abs(left[0] - right[0]) <= FRAME
            and abs(left[1] - right[1]) <= FRAME
            and names.setdefault(left[2], right[2]) == right[2]
            for left, right in zip(one, other, strict=True)
        )
        if near and len(set(names.values())) == len(names):
            return f"the same {len(one)} turns within a frame"
    return f"other turns: {len(one)} against {len(other)}, {100 * _apart(ours, theirs):.2f} % of the time other speakers"


def words(ours: Answer, theirs: Answer) -> str:
    """Of what is said; a package that goes on behind its last word may hear the rest of a window again.

    >>> words(["so", "it"], ["so", "it"]), words(["so", "it"], ["so", "is", "it"]), words(["so"], ["so", "it"])
    ('the same 2 words', '2 of 3 words the same', "the same 1 words, and 1 more of the package's")
    """
    if not ours and not theirs:
        return "no words in either"
    if ours == theirs:
        return f"the same {len(ours)} words"
    if ours and theirs[: len(ours)] == ours:
        return f"the same {len(ours)} words, and {len(theirs) - len(ours)} more of the package's"
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    both = sum(block.size for block in matcher.get_matching_blocks())
    return f"{both} of {max(len(ours), len(theirs))} words the same"


def _apart(ours: Answer, theirs: Answer) -> float:
    """The time in which the speakers differ, as a share of that in which anybody speaks, for the best pairing of names."""
    end = max((turn[2] for turn in (*ours, *theirs)), default=0.0)
    one, other = (_drawn(some, round(end / FRAME) + 1) for some in (ours, theirs))
    anybody = int((one.any(0) | other.any(0)).sum())
    if len(one) > len(other):
        one, other = other, one
    if len(other) > MOST:
        return float((one.sum(0) != other.sum(0)).sum() / max(anybody, 1))
    rest = len(other) - len(one)
    padded = np.concatenate([one, np.zeros((rest, one.shape[1]), np.bool_)])
    least = min(int((padded != other[list(order)]).any(0).sum()) for order in permutations(range(len(other))))
    return least / max(anybody, 1)


def _drawn(turns: Answer, frames: int) -> NDArray[np.bool_]:
    names: Sequence[str] = list(dict.fromkeys(turn[0] for turn in turns))
    drawn = np.zeros((len(names), frames), np.bool_)
    for who, start, end in turns:
        drawn[names.index(who), round(start / FRAME) : round(end / FRAME)] = True
    return drawn
