"""Switchboard-1: telephone calls of five minutes, two channels (LDC97S62, LDC User Agreement), with the corrected transcripts of
Mississippi State University (swb_ms98_transcriptions, free).

The calls that have audio, at any depth:

    swb1/sw02001.sph                                       8 kHz, mu-law; speaker A on the first channel, B on the second
    swb_ms98_transcriptions/20/2001/sw2001A-ms98-a-trans.text   utterance, start, end and text
    swb_ms98_transcriptions/20/2001/sw2001A-ms98-a-word.text    the same, a line for each word

A turn is an utterance from its first word to its last; without the file of words, a word's time is its share of the utterance's.
[silence] and noises are no words. Words are kept as they were said: "yes" of [laughter-yes], "it'n" of [it'n/isn't], "th-" of
th[at]-, "alrighty" of {alrighty}, "about" of about_1; also what is said aside, between <b_aside> and <e_aside>.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sepdiar.conversation import Span, Turn, Word
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import Source, by_stem, lacking, spoken, truth, utterance
from sepdiar.formats import read_text
from sepdiar.formats.segments import lines

ABOUT = "Switchboard: …/sw02001.sph, and …/sw2001A-ms98-a-trans.text and -word.text for each side"
EXPECTED = "utterance start end text"
SPEAKERS = ("A", "B")
TRANSCRIPT = "sw[0-9]*-ms98-a-trans.text"
RULES = (
    (re.compile(r"<[be]_aside>"), " "),
    (re.compile(r"\[laughter-([^\s]+)\]"), r"\1"),
    (re.compile(r"\[((?:[^\s\[\]]|\[[^\s\]]*\])+)/[^\s]+?\](?=[-_\s]|$)"), r"\1"),
    (re.compile(r"(?<!\S)\[[a-z_-]+\](?!\S)"), " "),  # a noise, or silence
    (re.compile(r"\[[^\s\]]*\]"), ""),  # what was not said of a word
    (re.compile(r"[{}]"), ""),
    (re.compile(r"_\d+(?!\S)"), ""),
)


def found(folder: Path) -> bool:
    """Whether a transcript is here."""
    return any(folder.rglob(TRANSCRIPT))


def read(folder: Path) -> Iterator[Truth]:
    """The calls that have audio, by number."""
    transcripts = {file.name.partition("-")[0]: file for file in folder.rglob(TRANSCRIPT)}
    calls = by_stem(folder, "sw[0-9]*")
    if not calls:
        raise lacking("sw02001.sph, of any call", folder)
    for name, file in sorted(calls.items()):
        turns: list[Turn] = []
        for speaker in SPEAKERS:
            side = f"sw{name.removeprefix('sw').lstrip('0')}{speaker}"
            if side not in transcripts:
                raise lacking(f"transcript {side}-ms98-a-trans.text", folder)
            turns += _turns(speaker, transcripts[side])
        yield truth(name, folder, turns, [Source(speaker, file, channel) for channel, speaker in enumerate(SPEAKERS)])


def said(text: str) -> list[str]:
    """The words of a transcript, as they were said.

    >>> said("[laughter-yes] th[at]- [it'n/isn't] [noise] - {alrighty} about_1 <b_aside> no <e_aside>")
    ['yes', 'th-', "it'n", 'alrighty', 'about', 'no']
    >>> said("[lem[guini]-/linguini] [vocalized-noise] [laughter]")
    ['lem-']
    """
    for pattern, instead in RULES:
        text = pattern.sub(instead, text)
    return spoken(text)


def _turns(speaker: str, file: Path) -> Iterator[Turn]:
    timed = file.with_name(file.name.replace("-trans.", "-word."))
    words = _words(timed) if timed.is_file() else None
    for line in lines(read_text(file), str(file), EXPECTED):
        (name, start, end), text = line.columns_and_text(3)
        if words is None:
            if heard := said(text):
                yield utterance(speaker, line.span(start, end=end), heard)
        elif own := words.get(name):
            yield Turn(speaker, Span(own[0].span.start, max(word.span.end for word in own)), tuple(own))


def _words(file: Path) -> dict[str, list[Word]]:
    words: dict[str, list[Word]] = {}
    for line in lines(read_text(file), str(file), EXPECTED):
        (name, start, end), text = line.columns_and_text(3)
        words.setdefault(name, []).extend(utterance("", line.span(start, end=end), said(text)).words)
    return words
