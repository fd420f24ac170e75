"""SegLST: a JSON list of `{"session_id", "speaker", "start_time", "end_time", "words"}`, who says what when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import Segment, in_order, to_seconds, to_ticks

EXPECTED = '[{"session_id", "speaker", "start_time", "end_time", "words"}, ...]'


def parse(text: str, file: str = "SegLST") -> tuple[Segment, ...]:
    """The segments, in the order of the file; keys of others are left out. SD502 names a segment that is wrong.

    >>> parse('[{"session_id": "talk", "speaker": "A", "start_time": 0.5, "end_time": "1.25", "words": "it is"}]')
    (Segment(session='talk', speaker='A', span=Span(start=500000, end=1250000), words='it is', confidence=None),)
    """
    try:
        rows = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError as error:
        _wrong(f"{error.msg} in column {error.colno}", f"{file}, line {error.lineno}")
    except RecursionError:
        _wrong("it is nested without end", file)
    if not isinstance(rows, list):
        _wrong("it is no list", file)
    return tuple(_segment(row, f"{file}, segment {number}") for number, row in enumerate(rows, 1))


def dumps(segments: Iterable[Segment]) -> str:
    """The segments as SegLST, ordered; times are numbers, written without loss."""
    rows = [
        f'{{"session_id": {json.dumps(one.session)}, "speaker": {json.dumps(one.speaker)}, '
        f'"start_time": {to_seconds(one.span.start)}, "end_time": {to_seconds(one.span.end)}, '
        f'"words": {json.dumps(" ".join(one.words.split()))}}}'
        for one in in_order(segments)
    ]
    return "[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n"


def _segment(row: Any, where: str) -> Segment:
    if not isinstance(row, dict):
        _wrong("it is no object", where)
    begin, end = (_time(row, key, where) for key in ("start_time", "end_time"))
    if end < begin:
        _wrong("it ends before it begins", where)
    session, speaker = (_text(row, key, where) for key in ("session_id", "speaker"))
    words = " ".join(_text(row, "words", where).split()) if "words" in row else ""
    return Segment(session, speaker, Span(begin, end), words)


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    if not isinstance(row.get(key), str):
        _wrong(f"{key} is missing" if key not in row else f"{key} is no text", where)
    return str(row[key])


def _time(row: Mapping[str, Any], key: str, where: str) -> int:
    try:
        return to_ticks(_text(row, key, where))
    except ValueError as error:
        _wrong(f"{key} {error}", where)


def _wrong(what: str, where: str) -> NoReturn:
    raise SepdiarError("SD502", f"{what}; expected: {EXPECTED}", where=where)
