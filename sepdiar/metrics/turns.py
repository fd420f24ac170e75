"""The conversation itself: are turns where they should be, with the right speaker, and does the floor pass as it did?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

from sepdiar.conversation import Span, intersected, outside, within
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import TICKS, Segment, speech
from sepdiar.metrics.floor import Talk, backchannels, overlaps, talks, transfers
from sepdiar.metrics.result import Counts, Result, added, by_session, check_sessions, ratio

TOLERANCES = (50, 200)  # milliseconds
CASES = ("onset_errors", "offset_errors", "transfer_errors", "reference_transfers", "hypothesis_transfers")
PROTOCOL = "; ".join(
    [
        "share of the reference's turns found with their onset within 50 ms",
        "turns: segments of one speaker that touch or overlap are one",
        "one-to-one mapping of speakers for each session by the most common time",
        "turns of mapped speakers matched one to one so that the time in common is the most",
        "backchannels: turns of at most 1 s within another's longer turn",
        "medians over all sessions pooled",
    ]
)


@dataclass(frozen=True)
class Found:
    """What one session gave, or several: counts, and in microseconds the cases that medians and distributions are taken of."""

    counts: Counts
    onset_errors: Sequence[int]
    offset_errors: Sequence[int]
    transfer_errors: Sequence[int]
    reference_transfers: Sequence[int]
    hypothesis_transfers: Sequence[int]


def turn_taking(reference: Iterable[Segment], hypothesis: Iterable[Segment]) -> Result:
    """How well `hypothesis` keeps the turns of `reference`; the value is the share of turns with their onset within 50 ms.

    A turn of the reference may be matched with one of the hypothesis if their speakers are mapped to each other and they
    have time in common; each with one at most, and so that the matched turns have the most time in common.
    Counts: `turns`, `hypothesis_turns` and `matched_turns`; `onsets_50ms`, `onsets_200ms`, `offsets_50ms`, `offsets_200ms`,
    the matched turns whose onset or offset is no further off; `heard_turns`, during which, where nobody else of the reference
    speaks, anybody of the hypothesis does, and of these `wrong_speaker_turns`, in which somebody else of the hypothesis has
    more of that time than the mapped speaker; `transfers`, `hypothesis_transfers` and `matched_transfers`, whose two turns are
    matched with those of a transfer; `backchannels`, `backchannels_found`, matched with a backchannel, and
    `backchannels_invented`, the hypothesis's others; `overlaps`, `overlaps_found`, which share time with one of the
    hypothesis, and `overlaps_invented`, which share none with one of the reference.
    """
    found = cases(reference, hypothesis)
    return replace(pooled(list(found.values())), per_session={name: _result(one) for name, one in found.items()})


def cases(reference: Iterable[Segment], hypothesis: Iterable[Segment]) -> dict[str, Found]:
    """What `turn_taking` is made of, of each session: for whoever adds sessions up by himself."""
    ours, theirs = by_session(reference), by_session(hypothesis)
    check_sessions(ours, theirs)
    return {name: _session(talks(segments), talks(theirs.get(name, []))) for name, segments in ours.items()}


def pooled(found: Sequence[Found]) -> Result:
    """Sessions as one result; SD602 where none has a turn."""
    whole = Found(added(one.counts for one in found), *([case for one in found for case in getattr(one, key)] for key in CASES))
    if not whole.counts.get("turns"):
        raise SepdiarError("SD602", "the reference has no turn")
    return _result(whole)


def _session(ours: Sequence[Talk], theirs: Sequence[Talk]) -> Found:
    known = mapping(ours, theirs)
    pairs = _matches(ours, theirs, known)
    onsets = [theirs[j].span.start - ours[i].span.start for i, j in pairs.items()]
    offsets = [theirs[j].span.end - ours[i].span.end for i, j in pairs.items()]
    true, made = transfers(ours), transfers(theirs)
    passed = {(one.before, one.after): one.offset for one in made}
    shifts = []
    for one in true:
        pair = pairs.get(one.before, -1), pairs.get(one.after, -1)
        if pair in passed:
            shifts.append(passed[pair] - one.offset)
    counts = {"turns": len(ours), "hypothesis_turns": len(theirs), "matched_turns": len(pairs)}
    counts |= {f"onsets_{limit}ms": _within(onsets, limit) for limit in TOLERANCES}
    counts |= {f"offsets_{limit}ms": _within(offsets, limit) for limit in TOLERANCES}
    counts |= _speakers(ours, theirs, known)
    counts |= {"transfers": len(true), "hypothesis_transfers": len(made), "matched_transfers": len(shifts)}
    counts |= _backchannels(ours, theirs, pairs) | _overlaps(ours, theirs)
    return Found(counts, onsets, offsets, shifts, [one.offset for one in true], [one.offset for one in made])


def mapping(ours: Sequence[Talk], theirs: Sequence[Talk]) -> dict[str, str]:
    """Our speakers to theirs, one to one, for the most time in common; those with none in common are not mapped."""
    true, made = speech(ours), speech(theirs)
    common = [[_length(intersected(one, other)) for other in made.values()] for one in true.values()]
    if not common or not made:
        return {}
    names = list(true), list(made)
    return {names[0][i]: names[1][j] for i, j in zip(*linear_sum_assignment(common, maximize=True), strict=True) if common[i][j]}


def _matches(ours: Sequence[Talk], theirs: Sequence[Talk], mapping: dict[str, str]) -> dict[int, int]:
    """Our turns to theirs by number."""
    matched = {}
    for speaker, other in mapping.items():
        left = [index for index, turn in enumerate(ours) if turn.speaker == speaker]
        right = [index for index, turn in enumerate(theirs) if turn.speaker == other]
        begins, ends = (np.array([getattr(ours[i].span, edge) for i in left])[:, None] for edge in ("start", "end"))
        others_begin, others_end = (np.array([getattr(theirs[j].span, edge) for j in right]) for edge in ("start", "end"))
        common = np.maximum(np.minimum(ends, others_end) - np.maximum(begins, others_begin), 0)
        for i, j in zip(*linear_sum_assignment(common, maximize=True), strict=True):
            if common[i, j]:
                matched[left[i]] = right[j]
    return dict(sorted(matched.items()))


def _speakers(ours: Sequence[Talk], theirs: Sequence[Talk], mapping: dict[str, str]) -> dict[str, int]:
    spoken, crossed = speech(theirs), overlaps(ours)
    heard = wrong = 0
    for turn in ours:
        alone = outside(turn.span, within(turn.span, crossed))
        time = {speaker: _length(intersected(alone, within(turn.span, spans))) for speaker, spans in spoken.items()}
        if any(time.values()):
            heard += 1
            wrong += max(time.values()) > time.get(mapping.get(turn.speaker, ""), 0)
    return {"heard_turns": heard, "wrong_speaker_turns": wrong}


def _backchannels(ours: Sequence[Talk], theirs: Sequence[Talk], pairs: dict[int, int]) -> dict[str, int]:
    true, made = backchannels(ours), backchannels(theirs)
    found = {pairs[index] for index in true if pairs.get(index) in made}
    return {"backchannels": len(true), "backchannels_found": len(found), "backchannels_invented": len(made - found)}


def _overlaps(ours: Sequence[Talk], theirs: Sequence[Talk]) -> dict[str, int]:
    true, made = overlaps(ours), overlaps(theirs)
    found = sum(bool(within(span, made)) for span in true)
    return {
        "overlaps": len(true),
        "overlaps_found": found,
        "overlaps_invented": sum(not within(span, true) for span in made),
    }


def _result(found: Found) -> Result:
    counts = found.counts
    figures: dict[str, float | None] = {}
    for edge, errors in (("onset", found.onset_errors), ("offset", found.offset_errors)):
        figures |= {f"{edge}s_{limit}ms": ratio(counts[f"{edge}s_{limit}ms"], counts["turns"]) for limit in TOLERANCES}
        figures |= {f"{edge}_error_median": _quantile(errors, 0.5), f"{edge}_error_p90": _quantile(errors, 0.9)}
    figures["turns_invented"] = ratio(counts["hypothesis_turns"] - counts["matched_turns"], counts["hypothesis_turns"])
    figures["wrong_speaker"] = ratio(counts["wrong_speaker_turns"], counts["heard_turns"])
    figures["transfer_error_median"] = _quantile(found.transfer_errors, 0.5)
    both = found.reference_transfers, found.hypothesis_transfers
    figures["transfer_distance"] = float(wasserstein_distance(*both)) / TICKS if all(both) else None
    for kind in ("backchannels", "overlaps"):
        figures[f"{kind}_found"] = ratio(counts[f"{kind}_found"], counts[kind])
    return Result("turns", ratio(counts["onsets_50ms"], counts["turns"]), counts, PROTOCOL, figures)


def _within(errors: Iterable[int], milliseconds: int) -> int:
    return sum(abs(error) <= milliseconds * TICKS // 1000 for error in errors)


def _quantile(errors: Sequence[int], part: float) -> float | None:
    return float(np.quantile(np.abs(errors), part)) / TICKS if errors else None


def _length(spans: Iterable[Span]) -> int:
    return sum(map(len, spans))
