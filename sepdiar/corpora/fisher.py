"""Fisher English: telephone calls of ten minutes, two channels (LDC2004S13 and LDC2005S13; transcripts LDC2004T19 and LDC2005T19;
LDC User Agreement).

The calls that have audio, at any depth, as on the discs:

    fisher_eng_tr_sp_d1/audio/000/fe_03_00001.sph        8 kHz, mu-law; speaker A on the first channel, B on the second
    fe_03_p1_tran/data/trans/000/fe_03_00001.txt         lines as in "3.76 5.54 A: and i generally prefer"

A word's time is its share of its utterance's. What stands in brackets, as [laughter] or <foreign>, and dashes alone are
no words; of ((what the transcriber was not sure of)) the words are kept, as are broken words with their dash. A file that is
compressed by shorten has to be unpacked to a WAV beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sepdiar.conversation import Turn
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import Source, by_stem, lacking, spelled, spoken, truth, utterance
from sepdiar.formats import read_text
from sepdiar.formats.segments import lines

ABOUT = "Fisher: …/audio/000/fe_03_00001.sph and …/trans/000/fe_03_00001.txt"
CALL = "fe_03_[0-9]*"
EXPECTED = "start end A: text"
SPEAKERS = ("A", "B")
NOISE = re.compile(r"\[[^\]]*\]+|<[^>]*>")
ERRATA = {"31.09 234.06 A:": "231.09 234.06 A:", "31.09 234.06 B:": "231.09 234.06 B:"}
"""In fe_03_11487; no other call has an utterance of these times."""


def found(folder: Path) -> bool:
    """Whether a transcript is here."""
    return any(folder.rglob(f"{CALL}.txt"))


def read(folder: Path) -> Iterator[Truth]:
    """The calls that have audio, by number."""
    transcripts = {file.stem: file for file in folder.rglob(f"{CALL}.txt")}
    calls = by_stem(folder, CALL)
    if not calls:
        raise lacking("fe_03_00001.sph, of any call", folder)
    for name, file in sorted(calls.items()):
        if name not in transcripts:
            raise lacking(f"transcript {name}.txt", folder)
        sources = [Source(speaker, file, channel) for channel, speaker in enumerate(SPEAKERS)]
        yield truth(name, folder, _utterances(transcripts[name]), sources)


def _utterances(file: Path) -> Iterator[Turn]:
    for line in lines(read_text(file), str(file), EXPECTED):
        (start, end, side), text = line.columns_and_text(3)
        speaker = side.removesuffix(":")
        if speaker not in SPEAKERS or speaker == side:
            line.wrong(f"{side!r} is no speaker")
        start = ERRATA.get(f"{start} {end} {side}", start).split()[0]
        if words := [spelled(word) for word in spoken(NOISE.sub(" ", text))]:
            yield utterance(speaker, line.span(start, end=end), words)
