"""Who said what: word error rates of conversations, computed by meeteval."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sepdiar.conversation import merged
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.formats.uem import Regions
from sepdiar.metrics.result import Counts, Result, added, by_session, check_sessions, need, ratio

COLLAR = 5.0  # seconds, as in CHiME-7 and CHiME-8
EXACT_ORC = 5 * 10**8  # steps, some seconds; the exact search is a product over the streams
KINDS = {
    "cp": "cpWER: each speaker's words joined, best one-to-one mapping of speakers for each session",
    "tcp": "tcpWER: as cpWER, and a word matches only within a collar of {collar:g} s; times of the words of a segment are "
    "estimated from their lengths",
    "orc": "ORC-WER: each segment of the reference goes to the stream that suits it best, so speakers are not scored",
}
NORMALIZERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "none": ("words compared as written", lambda text: text),
    "basic": ("lower case, punctuation removed but for apostrophes within words", lambda text: _basic(text)),
}


def word_error(
    reference: Iterable[Segment],
    hypothesis: Iterable[Segment],
    *,
    kind: str = "cp",
    collar: float | None = None,
    normalizer: str = "none",
    uem: Regions | None = None,
) -> Result:
    """The word error rate of `kind` `cp`, `tcp` or `orc`: words wrong, missing and too many, over the reference's words.

    Counts: `errors`, `length`, `insertions`, `deletions`, `substitutions`; and but for `orc` `scored_speaker`,
    `missed_speaker`, `falarm_speaker`. `collar` in seconds belongs to `tcp` alone. With `uem`, a segment counts whole if any
    of it lies in a stretch, and sessions that the UEM lacks are not scored.
    """
    if kind not in KINDS:
        raise SepdiarError("SD202", f"--kind is one of {', '.join(KINDS)}, not {kind!r}")
    if normalizer not in NORMALIZERS:
        raise SepdiarError("SD202", f"--normalizer is one of {', '.join(NORMALIZERS)}, not {normalizer!r}")
    if collar is not None and kind != "tcp":
        raise SepdiarError("SD202", f"--collar belongs to --kind tcp, not to {kind}")
    need("meeteval", "wer")
    said, normalize = NORMALIZERS[normalizer]
    ours, theirs = (
        by_session(_inside((replace(one, words=normalize(one.words)) for one in side), uem)) for side in (reference, hypothesis)
    )
    check_sessions(ours, theirs)
    seconds = COLLAR if collar is None else collar
    counted = {name: _count(kind, truth, theirs.get(name, []), seconds) for name, truth in ours.items()}
    greedy = sum(counts.pop("greedy", 0) for counts in counted.values())
    notes = [KINDS[kind].format(collar=seconds), f"normalizer {normalizer}: {said}", "sessions added up by words"]
    notes += ["segments that lie in the UEM, wholly or partly"] if uem is not None else []
    notes += [f"{greedy:g} of {len(ours)} sessions searched greedily, an upper bound"] if greedy else []
    notes += [f"{len(ours) - len(theirs)} sessions have no hypothesis and count as deleted"] if len(theirs) < len(ours) else []
    if not any(one.words for segments in theirs.values() for one in segments):
        notes.append("the hypothesis has no words at all (RTTM carries none), so all count as deleted")
    rows = {name: _result(kind, counts, "; ".join(notes)) for name, counts in counted.items()}
    whole = _result(kind, added(row.counts for row in rows.values()), "; ".join(notes))
    if not whole.counts["length"]:
        raise SepdiarError("SD602", "the reference has no words where it is scored")
    return replace(whole, per_session=rows)


def _count(kind: str, reference: Sequence[Segment], hypothesis: Sequence[Segment], collar: float) -> dict[str, float]:
    from meeteval import wer

    if kind == "orc":  # which needs a stream, if a silent one
        hypothesis = hypothesis or [replace(reference[0], words="")]
    sides = _seglst(reference), _seglst(hypothesis)
    keys = ["errors", "length", "insertions", "deletions", "substitutions"]
    extra: dict[str, float] = {}
    if kind == "orc":
        exact = _steps(reference, hypothesis) <= EXACT_ORC
        rate: Any = (wer.orc_word_error_rate if exact else wer.greedy_orc_word_error_rate)(*sides)
        extra["greedy"] = 0 if exact else 1
    else:
        tcp = wer.time_constrained_minimum_permutation_word_error_rate
        rate = wer.cp_word_error_rate(*sides) if kind == "cp" else tcp(*sides, collar=collar)
        keys += ["scored_speaker", "missed_speaker", "falarm_speaker"]
    return {key: int(getattr(rate, key)) for key in keys} | extra


def _result(kind: str, counts: Counts, protocol: str) -> Result:
    parts = ("insertions", "deletions", "substitutions")
    figures = {part: ratio(counts[part], counts["length"]) for part in parts}
    return Result(f"{kind}wer", ratio(counts["errors"], counts["length"]), counts, protocol, figures)


def _seglst(segments: Iterable[Segment]) -> Any:
    from meeteval.io import SegLST

    rows: list[Mapping[str, Any]] = [
        {
            "session_id": one.session,
            "speaker": one.speaker,
            "start_time": one.span.start / TICKS,
            "end_time": one.span.end / TICKS,
            "words": one.words,
        }
        for one in segments
    ]
    return SegLST(rows)


def _steps(reference: Iterable[Segment], hypothesis: Iterable[Segment]) -> int:
    streams: Counter[str] = Counter()
    for one in hypothesis:
        streams[one.speaker] += len(one.words.split())
    words = sum(len(one.words.split()) for one in reference)
    return words * math.prod(count + 1 for count in streams.values())


def _inside(segments: Iterable[Segment], uem: Regions | None) -> list[Segment]:
    if uem is None:
        return list(segments)
    regions = {session: merged(spans) for session, spans in uem.items()}
    return [
        one
        for one in segments
        if any(one.span.start <= region.end and region.start <= one.span.end for region in regions.get(one.session, ()))
    ]


def _basic(text: str) -> str:
    """Lower case without punctuation.

    >>> _basic("Well, it's -- 'twas -- ok!")
    "well it's twas ok"
    """
    text = unicodedata.normalize("NFC", text).lower().replace("\u2019", "'")
    kept = "".join(char if char == "'" or not unicodedata.category(char).startswith("P") else " " for char in text)
    return " ".join(bare for word in kept.split() if (bare := word.strip("'")))
