"""RTTM: `SPEAKER file 1 begin duration <NA> <NA> speaker <NA> <NA>`, who speaks when."""

from __future__ import annotations

from collections.abc import Iterable

from sepdiar.formats.segments import Segment, in_order, lines, name, to_seconds

EXPECTED = "SPEAKER file channel begin duration <NA> <NA> speaker <NA> <NA>"
OTHER_TYPES = frozenset(  # of NIST's format: known, and not speech of somebody
    ("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "IP", "SU", "CB", "SPKR-INFO")
)


def parse(text: str, file: str = "RTTM") -> tuple[Segment, ...]:
    """The SPEAKER lines, in the order of the file; SD502 names the line that is wrong.

    >>> parse("SPEAKER talk 1 0.5 0.75 <NA> <NA> A <NA> <NA>")
    (Segment(session='talk', speaker='A', span=Span(start=500000, end=1250000), words='', confidence=None),)
    """
    segments = []
    for line in lines(text, file, EXPECTED):
        kind = line.text.split(None, 1)[0]
        if kind in OTHER_TYPES:
            continue
        if kind != "SPEAKER":
            line.wrong(f"{kind!r} is no type of line")
        columns = line.columns(8, 10)
        segments.append(Segment(columns[1], columns[7], line.span(columns[3], duration=columns[4])))
    return tuple(segments)


def dumps(segments: Iterable[Segment]) -> str:
    """The segments as RTTM, ordered; words are left out."""
    return "".join(
        f"SPEAKER {name(one.session, 'file')} 1 {to_seconds(one.span.start)} {to_seconds(len(one.span))} "
        f"<NA> <NA> {name(one.speaker, 'speaker')} <NA> <NA>\n"
        for one in in_order(segments)
    )
