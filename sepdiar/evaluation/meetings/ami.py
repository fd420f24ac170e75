"""AMI: who speaks when in meetings, through the mix of the headsets and through one distant microphone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from sepdiar.conversation import Span, Turn, intersected
from sepdiar.corpora import Truth
from sepdiar.corpora import ami as annotated
from sepdiar.corpora.parts import lacking, sounds, truth
from sepdiar.evaluation.meetings import pages
from sepdiar.evaluation.meetings.scores import Sheet
from sepdiar.evaluation.meetings.work import Work, benchmark
from sepdiar.formats import read_segments, read_uem
from sepdiar.formats.segments import TICKS, of_conversation, speech

MICROPHONES = {"mix-headset": "Mix-Headset", "sdm": "Array1-01"}
SPLITS: Mapping[str, tuple[str, ...]] = {  # the meetings of the Full-corpus-ASR partition, by how their names begin
    "dev": ("ES2011", "IB4001", "IB4002", "IB4003", "IB4004", "IB4010", "IB4011", "IS1008", "TS3004"),
    "test": ("EN2002", "ES2004", "IS1009", "TS3003"),
}
PARTS = ("DER", "missed", "false alarm", "confusion", "JER")
ONLY_WORDS = "only_words references of the AMI-diarization-setup project"
FROM_NXT = (
    "no only_words references are here: they are made from the words of the NXT annotations by the rule of that project (every "
    "word is speech, words of one speaker that touch are one stretch), and are not the files that others score with"
)


@dataclass(frozen=True)
class Reference:
    """Who speaks when in a meeting, in microseconds, and the stretches that count."""

    turns: tuple[Turn, ...]
    scored: tuple[Span, ...] = ()


@benchmark("ami")
def ami(work: Work, data: Path, limit: int | None) -> dict[str, Any]:
    """Measure a chain on AMI: the diarization error rate without collar, overlap scored, in the stretches of the UEM.

    `data` holds the audio and the references (`only_words` and UEMs; or the NXT annotations) at any depth. Scored is what is
    there of the mix of the headsets and of the first microphone of the first array. Without a `recipe`, our diarizer alone.
    `limit` is how many meetings; a second call into `out` continues. The answer is what OUT/results.json holds.
    """
    with work.wanting():
        known, origin, boundaries = references(data, work.split)
        audio = _audio(data, known)
    heard = (one for meeting in islice(audio, limit) for one in _heard(data, meeting, known, audio))
    truths = work.of(heard, None, data)
    sheet = Sheet(truths, work.chain.over(truths))
    sheet.diarized(uem=True)
    rows = sheet.rows(lambda truth: truth.name.partition(".")[2])
    groups = [name for name in MICROPHONES if any(row.group == name for row in rows)]
    system = f"sepdiar, {pages.name_of(work.chain)}"
    said = f"{work.split}, {len({row.recording.partition('.')[0] for row in rows})} meetings: {sheet.protocol['diarization']}"
    ours = pages.parts(system, said, {key: pages.by_group(key, rows, groups) for key in PARTS})
    table = pages.Table("der", "AMI: diarization error rate, %", tuple(MICROPHONES), ours)
    return work.finished(sheet.made, rows, [table], [origin, boundaries])


def references(folder: Path, split: str) -> tuple[dict[str, Reference], str, str]:
    """The references of a split by meeting, where they are from, and which stretches count; SD603 where there are none."""
    uems = {file.stem: file for file in sorted(folder.rglob(f"uems/{split}/*.uem"))}
    files = sorted(folder.rglob(f"only_words/rttms/{split}/*.rttm"))
    if files:
        known = {file.stem: [Turn(one.speaker, one.span) for one in read_segments(file) if len(one.span)] for file in files}
    elif annotated.found(folder):
        begins = SPLITS.get(split, ())
        known = {one.name: _words(one) for one in annotated.read(folder) if one.name.startswith(begins)}
    else:
        known = {}
    if not known:
        raise lacking(f"only_words/rttms/{split}/*.rttm, and no words of these meetings", folder)
    scored = {name: _stretches(uems[name]) if name in uems else () for name in known}
    boundaries = "the UEMs of the same project" if all(scored.values()) else "where no UEM is here, the whole recording is scored"
    origin = ONLY_WORDS if files else FROM_NXT
    return {name: Reference(tuple(turns), scored[name]) for name, turns in known.items()}, origin, boundaries


def _words(one: Truth) -> list[Turn]:
    said = speech(word for word in of_conversation(one.conversation, each="word"))
    return [Turn(speaker, span) for speaker, spans in said.items() for span in spans]


def _stretches(file: Path) -> tuple[Span, ...]:
    return tuple(span for spans in read_uem(file).values() for span in spans)


def _audio(folder: Path, known: Mapping[str, Reference]) -> dict[str, dict[str, Path]]:
    """For each meeting of the references what is there of its microphones; SD603 where one has none."""
    files: dict[str, dict[str, Path]] = {name: {} for name in known}
    for microphone, ending in MICROPHONES.items():
        for file in sounds(folder, f"*.{ending}"):
            meeting = file.stem.partition(".")[0]
            if meeting in files:
                files[meeting].setdefault(microphone, file)
    for meeting, own in files.items():
        if not own:
            raise lacking(f"{meeting}.Mix-Headset.wav and no {meeting}.Array1-01.wav", folder)
    return files


def _heard(
    folder: Path, meeting: str, known: Mapping[str, Reference], audio: Mapping[str, Mapping[str, Path]]
) -> Iterator[Truth]:
    for microphone, file in audio[meeting].items():
        found = truth(f"{meeting}.{microphone}", folder, known[meeting].turns, (), file)
        recording = found.conversation.recording
        spans = [span.at_rate(TICKS, recording.rate) for span in known[meeting].scored]
        yield replace(found, scored=intersected(spans, [Span(0, recording.samples)]))
