"""STM: `file channel speaker begin end text`, who says what when."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sepdiar.formats.segments import Segment, in_order, lines, name, to_seconds

EXPECTED = "file channel speaker begin end [<label>] text"
LABEL = re.compile(r"<(NA|[^<>\s]*,[^<>\s]*|[a-z]\d?)>(\s+|$)", re.IGNORECASE)  # sclite's subsets, as in <o,f0,female>
UNSCORED = "IGNORE_TIME_SEGMENT_IN_SCORING"


def parse(text: str, file: str = "STM") -> tuple[Segment, ...]:
    """The segments, in the order of the file, without their labels; the text may be empty. SD502 names a wrong line.

    >>> [one.words for one in parse("talk 1 A 0 1.5 <o,f0,male> it's me")]
    ["it's me"]
    """
    segments = []
    for line in lines(text, file, EXPECTED):
        (session, _, speaker, begin, end), said = line.columns_and_text(5)
        words = " ".join(LABEL.sub("", said, count=1).split()) if LABEL.match(said) else " ".join(said.split())
        if words.upper() == UNSCORED:
            line.wrong(f"{UNSCORED} is not supported (score with a UEM that leaves the stretch out)")
        segments.append(Segment(session, speaker, line.span(begin, end=end), words))
    return tuple(segments)


def dumps(segments: Iterable[Segment]) -> str:
    """The segments as STM, ordered, channel 1."""
    return "".join(_line(one) + "\n" for one in in_order(segments))


def _line(one: Segment) -> str:
    words = " ".join(one.words.split())
    said = f"<NA> {words}" if LABEL.match(words) else words  # else the first word would be read as a label
    columns = [name(one.session, "file"), "1", name(one.speaker, "speaker"), to_seconds(one.span.start), to_seconds(one.span.end)]
    return " ".join([*columns, said]).rstrip()
