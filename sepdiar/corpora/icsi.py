"""The ICSI Meeting Corpus: meetings of three to ten people, most with a headset (LDC2004S02 and LDC2004T04, or, CC BY 4.0,
groups.inf.ed.ac.uk/ami/icsi).

Audio and annotations at any depth:

    Bmr001/chan0.sph …                 one microphone each: the tracks
    Bmr001.interaction.wav             the mix of the headsets: what a chain is given, where it is there
    transcripts/Bmr001.mrt             the original transcripts: who is on which channel, and utterances
    Words/Bmr001.A.words.xml, Segments/Bmr001.A.segs.xml      (ICSI_core_NXT.zip) the same with a time for nearly every word

Words are read from Words/ where it is there, or else from the .mrt; without the .mrt nobody knows whose channel is which, so that
the mix is needed. Somebody without a channel of their own has no track; without the mix their turns are left out too, and that is
noted. A word is what was said, broken words with their dash; punctuation, sounds, pauses and what could not be understood ("@@")
are none; what a transcriber was not sure of is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from sepdiar.conversation import Span, Turn
from sepdiar.corpora import Truth, nxt
from sepdiar.corpora.parts import Source, lacking, sounds, spelled, spoken, truth, utterance, xml
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import to_ticks

ABOUT = "ICSI: Bmr001/chan0.sph … and transcripts/Bmr001.mrt, or Words/ and Segments/ with Bmr001.interaction.wav"
MIX = ".interaction"
NOT_UNDERSTOOD = ("@@", "@")
HYPHEN = "-"
PUNCTUATION = ("CM", ".", "QM", "EXCLM", "LQUOTE", "RQUOTE", "QUOTE", "SYM")


@dataclass
class Meeting:
    """The files of one meeting."""

    channels: dict[str, Path] = field(default_factory=dict)
    mix: Path | None = None


def found(folder: Path) -> bool:
    """Whether annotations of ICSI are here, in either form."""
    return any(folder.rglob("*.mrt")) or any(folder.rglob("ICSI-metadata.xml"))


def read(folder: Path) -> Iterator[Truth]:
    """The meetings that have audio, by name."""
    transcripts = {file.stem.lower(): file for file in sorted(folder.rglob("*.mrt")) if file.stem != "preambles"}
    timed: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*.words.xml")):
        timed.setdefault(file.name.partition(".")[0].lower(), []).append(file)
    meetings = _audio(folder)
    if not meetings:
        raise lacking("Bmr001/chan0.sph or Bmr001.interaction.wav, of any meeting", folder)
    for name, meeting in sorted(meetings.items()):
        yield _meeting(name, meeting, transcripts.get(name.lower()), timed.get(name.lower(), []), folder)


def _meeting(name: str, meeting: Meeting, transcript: Path | None, timed: Sequence[Path], folder: Path) -> Truth:
    if transcript is None and (not timed or meeting.mix is None):
        raise lacking(f"{name}.mrt, which says who is heard on which channel (nor Words/ with {name}{MIX}.wav)", folder)
    root = xml(transcript) if transcript else Element("Meeting")
    turns = list(_timed(timed) if timed else _told(root, str(transcript)))
    if not turns:
        raise lacking(f"words in the transcripts of {name}", folder)
    worn = {person.get("Name", ""): person.get("Channel") for person in root.iter("Participant")}
    sources, notes = [], []
    for speaker in sorted({turn.speaker for turn in turns} | worn.keys()):
        channel = worn.get(speaker)
        if channel in meeting.channels:
            sources.append(Source(speaker, meeting.channels[channel]))
        elif channel and not meeting.mix:
            raise lacking(f"{channel} of {name}, which {speaker} wears (nor {name}{MIX}.wav)", folder)
        elif meeting.mix:
            notes.append(f"no audio of its own: {speaker}")
        else:
            notes.append(f"no channel, so that what they say is left out: {speaker}")
            turns = [turn for turn in turns if turn.speaker != speaker]
    return truth(name, folder, turns, sources, meeting.mix, notes if sources else [])


def _told(root: Element, where: str) -> Iterator[Turn]:
    """The utterances of an .mrt."""
    for segment in root.iter("Segment"):
        words = [spelled(word) for word in spoken("".join(segment.itertext()), NOT_UNDERSTOOD)]
        if words and (speaker := segment.get("Participant")):
            try:
                start, end = (to_ticks(segment.get(key, "")) for key in ("StartTime", "EndTime"))
            except ValueError as error:
                raise SepdiarError("SD502", f"a time of a segment {error}", where=where) from error
            if end > start:
                yield utterance(speaker, Span(start, end), words)


def _timed(files: Sequence[Path]) -> Iterator[Turn]:
    for words in files:
        file = words.parent.parent / "Segments" / words.name.replace(".words.", ".segs.")
        if not file.is_file():
            raise lacking(f"Segments/{file.name}", words.parent.parent)
        known, speaker = nxt.tokens(words, _text), _participant(file)
        for span, ends in nxt.segments(file, "starttime", "endtime"):
            said = _joined(nxt.between(known, *ends, file)) if ends else []
            if turn := nxt.turn(speaker, span, said):
                yield turn


def _participant(file: Path) -> str:
    """Whose segments these are: each file is of one person."""
    names = (segment.get("participant") for segment in xml(file).iter("segment"))
    return next(filter(None, names), file.name.removesuffix(".segs.xml"))


def _text(element: Element) -> str:
    kind, text = element.get("c", ""), (element.text or "").strip()
    if element.tag != "w" or kind in PUNCTUATION or text in NOT_UNDERSTOOD:
        return ""
    return HYPHEN if kind == "HYPH" else spelled(text)


def _joined(tokens: Sequence[nxt.Token]) -> list[nxt.Token]:
    """What is written in pieces, as in "you 're" and "mm - hmm", in one word."""
    words: list[nxt.Token] = []
    hyphen = False
    for token in (token for token in tokens if token.text):
        if token.text == HYPHEN:
            hyphen = True
            continue
        if words and (hyphen or token.text.startswith("'")):
            before = words.pop()
            token = nxt.Token(before.text + HYPHEN * hyphen + token.text, before.start, token.end)
        words.append(token)
        hyphen = False
    return words


def _audio(folder: Path) -> dict[str, Meeting]:
    meetings: dict[str, Meeting] = {}
    for file in sounds(folder, "chan*"):
        meetings.setdefault(file.parent.name, Meeting()).channels.setdefault(file.stem, file)
    for file in sounds(folder, f"*{MIX}"):
        meetings.setdefault(file.stem.removesuffix(MIX), Meeting()).mix = file
    return meetings
