"""CTM: `file channel begin duration word [confidence]`, one word a line; the channel tells the speakers apart."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from math import isfinite

from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import Line, Segment, in_order, lines, name, to_seconds

EXPECTED = "file channel begin duration word [confidence]"


def parse(text: str, file: str = "CTM") -> tuple[Segment, ...]:
    """The words, each a segment whose speaker is the channel; SD502 names a wrong line.

    >>> [(one.speaker, one.words, one.confidence) for one in parse("talk 1 0.5 0.25 it's 0.9")]
    [('1', "it's", 0.9)]
    """
    segments = []
    for line in lines(text, file, EXPECTED):
        session, channel, begin, duration, word, *rest = line.columns(5, 8)  # some add a type and a speaker: not read
        if word.startswith("<ALT"):
            line.wrong("alternative words are not supported")
        confidence = _confidence(rest[0], line) if rest and rest[0] not in ("NA", "<NA>") else None
        segments.append(Segment(session, channel, line.span(begin, duration=duration), word, confidence))
    return tuple(segments)


def dumps(segments: Iterable[Segment]) -> str:
    """The words as CTM, ordered; nothing for a segment without words, and SD501 for one of several: they have no times."""
    written = []
    for one in in_order(segments):
        if len(one.words.split()) > 1:
            raise SepdiarError("SD501", f"{one.words!r} is more than one word, and a line of CTM is one", where=one.session)
        if one.words:
            columns = [name(one.session, "file"), name(one.speaker, "channel")]
            columns += [to_seconds(one.span.start), to_seconds(len(one.span)), one.words.strip()]
            written.append(" ".join(columns if one.confidence is None else [*columns, repr(one.confidence)]) + "\n")
    return "".join(written)


def _confidence(text: str, line: Line) -> float:
    with suppress(ValueError):
        if isfinite(number := float(text)):
            return number
    line.wrong(f"confidence {text!r} is not a number")
