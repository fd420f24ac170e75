"""UEM: `file channel begin end`, the stretches of each file that are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sepdiar.conversation import Span, merged
from sepdiar.formats.segments import lines, name, to_seconds

EXPECTED = "file channel begin end"
Regions = Mapping[str, Sequence[Span]]


def parse(text: str, file: str = "UEM") -> dict[str, tuple[Span, ...]]:
    """For each file the union of its stretches, in microseconds; SD502 names a wrong line.

    >>> parse("talk 1 0 2\\ntalk 1 1 4.5")
    {'talk': (Span(start=0, end=4500000),)}
    """
    regions: dict[str, list[Span]] = {}
    for line in lines(text, file, EXPECTED):
        session, _, begin, end = line.columns(4, 4)
        regions.setdefault(session, []).append(line.span(begin, end=end))
    return {session: merged(spans) for session, spans in regions.items()}


def dumps(regions: Regions) -> str:
    """The regions as UEM, ordered."""
    return "".join(
        f"{name(session, 'file')} 1 {to_seconds(span.start)} {to_seconds(span.end)}\n"
        for session in sorted(regions)
        for span in merged(regions[session])
    )
