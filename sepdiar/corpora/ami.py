"""The AMI Meeting Corpus: meetings of four or five people, each with a headset (groups.inf.ed.ac.uk/ami/corpus, CC BY 4.0).

Layout of its download, audio at any depth, and of its manual annotations (ami_public_manual_1.6.2.zip), unpacked beside it:

    amicorpus/ES2002a/audio/ES2002a.Headset-0.wav        one speaker each: the tracks
    amicorpus/ES2002a/audio/ES2002a.Mix-Headset.wav      what a chain is given, where it is there
    corpusResources/meetings.xml                         who wears which headset, and is called how over all meetings
    words/ES2002a.A.words.xml, segments/ES2002a.A.segments.xml

The meetings are those that have audio. A turn is a segment from its first word to its last; a segment without a word, such as a
laugh, is none. Punctuation, vocal sounds and gaps are no words; words that break off are kept as far as they were said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from sepdiar.conversation import Turn
from sepdiar.corpora import Truth, nxt
from sepdiar.corpora.parts import Source, lacking, sounds, spelled, truth, xml
from sepdiar.errors import SepdiarError
from sepdiar.formats.confined import no_path

ABOUT = "AMI: amicorpus/ES2002a/audio/ES2002a.Headset-0.wav … and words/, segments/, corpusResources/meetings.xml beside it"
MEETINGS = "corpusResources/meetings.xml"
HEADSET, MIX = "Headset-", "Mix-Headset"


def found(folder: Path) -> bool:
    """Whether annotations of AMI are here."""
    return _annotations(folder) is not None


def read(folder: Path) -> Iterator[Truth]:
    """The meetings that have audio, by name."""
    place = _annotations(folder)
    if place is None:
        raise lacking(f"{MEETINGS} (of ami_public_manual_1.6.2.zip)", folder)
    for part in ("words", "segments"):
        if not (place / part).is_dir():
            raise lacking(f"{part}/ (of ami_public_manual_1.6.2.zip)", place)
    people = {meeting.get("observation", ""): meeting for meeting in xml(place / MEETINGS).iter("meeting")}
    audio = _audio(folder)
    if not audio:
        raise lacking("ES2002a.Headset-0.wav or ES2002a.Mix-Headset.wav, of any meeting", folder)
    for meeting, files in sorted(audio.items()):
        if meeting not in people:
            raise lacking(f"{meeting} in {MEETINGS}", place)
        yield _meeting(meeting, files, people[meeting], place, folder)


def _meeting(name: str, files: Mapping[str, Path], about: Element, place: Path, folder: Path) -> Truth:
    turns: list[Turn] = []
    sources, missing = [], []
    for person in about.iter("speaker"):
        agent, headset = person.get("nxt_agent", ""), f"{HEADSET}{person.get('channel')}"
        speaker = person.get("global_name") or f"{name}-{agent}"
        turns += _turns(speaker, place, no_path(f"{name}.{agent}", MEETINGS))
        if headset in files:
            sources.append(Source(speaker, files[headset]))
        else:
            missing.append(f"{name}.{headset}.wav")
    if not turns:
        raise lacking(f"words/{name}.*.words.xml with words in segments/{name}.*.segments.xml", place)
    if missing and MIX not in files:
        raise lacking(f"{', '.join(missing)} (nor {name}.{MIX}.wav)", folder)
    notes = [f"no audio of its own: {file}" for file in missing] if sources else []
    return truth(name, folder, turns, sources, files.get(MIX), notes)


def _turns(speaker: str, place: Path, stem: str) -> Iterator[Turn]:
    file, words = place / "segments" / f"{stem}.segments.xml", place / "words" / f"{stem}.words.xml"
    if file.is_file() != words.is_file():
        raise lacking(f"{(words if file.is_file() else file).relative_to(place)}", place)
    if not words.is_file():
        return  # somebody who says nothing
    known = nxt.tokens(words, _text)
    for span, ends in nxt.segments(file, "transcriber_start", "transcriber_end"):
        if ends and (turn := nxt.turn(speaker, span, nxt.between(known, *ends, file))):
            yield turn


def _text(element: Element) -> str:
    if element.tag != "w" or element.get("punc") == "true":
        return ""
    return spelled("".join((element.text or "").split()))


def _annotations(folder: Path) -> Path | None:
    files = [*folder.glob(MEETINGS), *folder.glob(f"*/{MEETINGS}"), *folder.glob(f"*/*/{MEETINGS}")]
    return files[0].parent.parent if files else None


def _audio(folder: Path) -> dict[str, dict[str, Path]]:
    """The files of each meeting by what stands behind its name: Headset-0, Mix-Headset."""
    files: dict[str, dict[str, Path]] = defaultdict(dict)
    for file in sounds(folder, "*Headset*"):
        meeting, _, microphone = file.stem.partition(".")
        if microphone != MIX and not microphone.startswith(HEADSET):
            continue
        if (known := files[meeting].setdefault(microphone, file)) != file and known.suffix == file.suffix:
            raise SepdiarError("SD603", f"twice: {known} and {file}", where=str(folder))
    return files
