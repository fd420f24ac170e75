"""The XML in which AMI and ICSI are annotated (NITE XML Toolkit): words with times, and segments that point to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from sepdiar.conversation import Span, Turn, Word
from sepdiar.corpora.parts import utterance, xml
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import to_ticks

ID = "{http://nite.sourceforge.net/}id"
CHILD = "{http://nite.sourceforge.net/}child"
PLACES = re.compile(r"id\(([^)]+)\)")


@dataclass(frozen=True)
class Token:
    """Something in a file of words; `text` is empty for what is no word. Times in microseconds, where there are any."""

    text: str
    start: int | None
    end: int | None


def tokens(file: Path, text: Callable[[Element], str]) -> dict[str, Token]:
    """What is in a file of words, in order, by identity; `text` gives the word of an element, empty for what is none."""
    found = {}
    for element in xml(file).iter():
        start, end = (_ticks(element, key, file) for key in ("starttime", "endtime"))
        found[element.get(ID, "")] = Token(text(element), start, end)
    return found


def segments(file: Path, start: str, end: str) -> Iterator[tuple[Span, tuple[str, str] | None]]:
    """The segments of a file: the span between its attributes `start` and `end`, and the first and last of its words."""
    for element in xml(file).iter("segment"):
        begin, stop = (_ticks(element, key, file) for key in (start, end))
        if begin is None or stop is None or stop < begin:
            continue  # a handful in both corpora have no time
        children = [place for child in element.findall(CHILD) for place in PLACES.findall(child.get("href", ""))]
        yield Span(begin, stop), (children[0], children[-1]) if children else None


def between(known: Mapping[str, Token], first: str, last: str, file: Path) -> list[Token]:
    """The tokens from `first` to `last`; SD502 where one of them is not there."""
    order = list(known)
    for name in (first, last):
        if name not in known:
            raise SepdiarError("SD502", f"it points to {name}, which is not among the words", where=str(file))
    return [known[name] for name in order[order.index(first) : order.index(last) + 1]]


def turn(speaker: str, span: Span, said: Sequence[Token]) -> Turn | None:
    """The words of a segment, from its first to its last; None without words.

    Words that lack a time share what lies between the times around them, or the ends of the segment, by their lengths.
    """
    words: list[Word] = []
    waiting: list[str] = []
    begin = span.start
    for token in said:
        if not token.text:
            continue
        if token.start is not None:
            words += _shared(speaker, waiting, begin, token.start)
            waiting, begin = [], token.start
        waiting.append(token.text)
        if token.end is not None:
            words += _shared(speaker, waiting, begin, token.end)
            waiting, begin = [], token.end
    words += _shared(speaker, waiting, begin, span.end)
    if not words:
        return None
    return Turn(speaker, Span(min(word.span.start for word in words), max(word.span.end for word in words)), tuple(words))


def _shared(speaker: str, words: Sequence[str], start: int, end: int) -> tuple[Word, ...]:
    return utterance(speaker, Span(start, max(start, end)), words).words


def _ticks(element: Element, key: str, file: Path) -> int | None:
    written = element.get(key, "")
    if written in ("", "NaN"):
        return None
    try:
        return to_ticks(written)
    except ValueError as error:
        raise SepdiarError("SD502", f"{key} {error}", where=f"{file}, {element.get(ID)}") from error
