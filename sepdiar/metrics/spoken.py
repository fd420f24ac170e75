"""Words one by one: which were got wrong where two speak at once and where one does, and which turns are kept as takeovers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sepdiar.conversation import Span, within
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics.floor import Talk, overlaps, talks
from sepdiar.metrics.recognition import COLLAR, NORMALIZERS
from sepdiar.metrics.result import need
from sepdiar.metrics.turns import mapping

TAKEOVER_SECONDS = 1.0
TAKEOVER_WORDS = 3
PROTOCOL = "; ".join(
    [
        "words by place: each speaker's words aligned with those of the one mapped to him by the most common time, a word "
        f"matching only within {COLLAR:g} s (meeteval); a word of the reference lies in overlap where somebody else of the "
        "reference speaks at its middle, and so does a word too many; words of unmapped speakers are too many",
        f"takeover (the rule of Full-Duplex-Bench): the words of a turn last {TAKEOVER_SECONDS:g} s or are more than "
        f"{TAKEOVER_WORDS}; kept: the words that the mapped speaker has within the true turn say the same",
    ]
)


def word_places(
    reference: Sequence[Segment],
    hypothesis: Sequence[Segment],
    words: Sequence[Segment],
    heard: Sequence[Segment],
    *,
    normalizer: str = "basic",
) -> dict[str, float]:
    """Counts of one session: words and errors of either place, and takeovers.

    `reference` and `hypothesis` are turns, `words` and `heard` their words, a segment each. `overlap_words`, `overlap_errors`,
    `clean_words`, `clean_errors`; `takeovers` and `takeovers_kept` of the true turns with words; `others` and `others_kept` of
    those that take nothing over.
    """
    need("meeteval", "wer")
    turns = talks(reference)
    pairs = mapping(turns, talks(hypothesis))
    crossed = overlaps(turns)
    said, found = (_by_speaker(side, normalizer) for side in (words, heard))
    counts = dict.fromkeys(("overlap_words", "overlap_errors", "clean_words", "clean_errors"), 0.0)
    for speaker in said:
        own = found.get(pairs.get(speaker, ""), [])
        for true, made in _aligned(said[speaker], own):
            place = "overlap" if within(_middle(true or made), crossed) else "clean"
            counts[f"{place}_words"] += true is not None
            counts[f"{place}_errors"] += true is None or made is None or true.words != made.words
    for speaker, strange in found.items():
        if speaker not in {pairs.get(name) for name in said}:
            for one in strange:
                counts["overlap_errors" if within(_middle(one), crossed) else "clean_errors"] += 1
    return counts | _takeovers(turns, words, heard, pairs)


def _aligned(said: Sequence[Segment], found: Sequence[Segment]) -> Iterable[tuple[Segment | None, Segment | None]]:
    from meeteval.io import SegLST
    from meeteval.wer.wer.time_constrained import align

    sides = [SegLST([_row(number, one) for number, one in enumerate(side)]) for side in (said, found)]
    if not said or not found:
        return [(one, None) for one in said] + [(None, one) for one in found]
    timing: dict[str, Any] = {f"{side}_pseudo_word_level_timing": None for side in ("reference", "hypothesis")}
    rows = align(*sides, collar=COLLAR, style="seglst", reference_sort=False, hypothesis_sort=False, **timing)
    return [(said[one["number"]] if one else None, found[two["number"]] if two else None) for one, two in rows]


def _row(number: int, one: Segment) -> dict[str, Any]:
    return {
        "session_id": "one",
        "speaker": "one",
        "start_time": one.span.start / TICKS,
        "end_time": one.span.end / TICKS,
        "words": one.words,
        "number": number,
    }


def _by_speaker(words: Iterable[Segment], normalizer: str) -> dict[str, list[Segment]]:
    """Each speaker's words in order, as they are compared; what is no word then is left out, and what is two becomes two."""
    _, normalize = NORMALIZERS[normalizer]
    speakers: dict[str, list[Segment]] = {}
    for one in sorted(words, key=lambda one: one.span):
        own = speakers.setdefault(one.speaker, [])
        own += [replace(one, words=text) for text in normalize(one.words).split()]
    return speakers


def _middle(one: Segment | None) -> Span:
    if one is None:
        raise ValueError("an alignment has a word on one side at least")
    at = (one.span.start + one.span.end) // 2
    return Span(at, at + 1)


def _takeovers(
    turns: Sequence[Talk], words: Sequence[Segment], heard: Sequence[Segment], pairs: Mapping[str, str]
) -> dict[str, float]:
    counts = dict.fromkeys(("takeovers", "takeovers_kept", "others", "others_kept"), 0.0)
    said, found = (_ordered(side) for side in (words, heard))
    for turn in turns:
        true = _in(turn.span, said.get(turn.speaker, []))
        if not true:
            continue
        taken = _takes_over(true)
        kept = _takes_over(_in(turn.span, found.get(pairs.get(turn.speaker, ""), []))) == taken
        kind = "takeovers" if taken else "others"
        counts[kind] += 1
        counts[f"{kind}_kept"] += kept
    return counts


def _ordered(words: Iterable[Segment]) -> dict[str, list[Segment]]:
    speakers: dict[str, list[Segment]] = {}
    for one in sorted(words, key=lambda one: one.span):
        speakers.setdefault(one.speaker, []).append(one)
    return speakers


def _in(turn: Span, words: Sequence[Segment]) -> list[Segment]:
    """The words whose middle lies in the turn."""
    return [one for one in words if turn.start <= (one.span.start + one.span.end) // 2 < turn.end]


def _takes_over(words: Sequence[Segment]) -> bool:
    if not words:
        return False
    return len(words) > TAKEOVER_WORDS or words[-1].span.end - words[0].span.start >= TAKEOVER_SECONDS * TICKS
