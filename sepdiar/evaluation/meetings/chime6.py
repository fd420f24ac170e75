"""CHiME-6: dinner parties, through one microphone of one array; its two tracks, and the scores of CHiME-8 DASR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sepdiar.corpora import Truth
from sepdiar.corpora import chime6 as corpus
from sepdiar.corpora.parts import lacking
from sepdiar.evaluation.meetings import pages
from sepdiar.evaluation.meetings.array import guided
from sepdiar.evaluation.meetings.chain import Chain, Made
from sepdiar.evaluation.meetings.normalizer import chime8
from sepdiar.evaluation.meetings.scores import Normalizer, Sheet, System, figure, named, spelled
from sepdiar.evaluation.meetings.work import MAIN, Work, benchmark
from sepdiar.formats.segments import Segment, of_conversation
from sepdiar.metrics.recognition import word_error
from sepdiar.metrics.result import Counts

SPLITS = {"dev": "dev", "test": "eval"}
COLUMNS = ("track 1 WER", "DER", "JER", "cpWER")
DASR = ("tcpWER", "DER", "JER")
TABLES = (
    ("chime6", "CHiME-6, %", COLUMNS, "track 1: {track 1}; DER and JER: {diarization}; {cpwer}"),
    (
        "chime8",
        "CHiME-8 DASR, its part CHiME-6, %",
        DASR,
        "{tcpwer}; DER and JER: {diarization}; one of the four corpora of the challenge",
    ),
)
NO_WORDS = "no words come out of this chain"
OTHER_TURNS = "not with these turns"


@benchmark("chime6")
def chime6(work: Work, data: Path, limit: int | None, *, gss: str | None = None) -> dict[str, Any]:
    """Measure a chain on CHiME-6, one distant microphone: track 1, track 2, and the scores of CHiME-8 DASR.

    `data` holds audio/ and transcriptions/, and uem/ for CHiME-8; `test` is what CHiME-6 calls eval. Track 1 is the chain with
    the true turns in the diarizer's place. Without a `recipe`, the chain is all ours, with pocketsphinx for the words. With `gss`
    there is also a row of guided source separation of the arrays, with the turns of the chain ("system") or the true ones
    ("oracle"). `limit` is how many sessions; a second call into `out` continues. The answer is what OUT/results.json holds.
    """
    if work.split not in SPLITS:
        with work.wanting():
            raise lacking(f"split {work.split!r}: there are {', '.join(SPLITS)}", data)
    truths = work.of(corpus.read(data, SPLITS[work.split]), limit, data)
    array = guided(gss, work, truths, data)
    normalize, name, about = chime8()
    made = work.chain.over(truths)
    system = f"sepdiar, {pages.name_of(work.chain)}"
    sheet, uem = Sheet(truths, made), any(truth.scored for truth in truths)
    sheet.diarized(uem=uem)
    if work.chain.says_words:
        _worded(sheet, _told(truths, work.chain), normalize, name)
    systems = [sheet.system(system, _all)]
    if array:
        heard = Sheet(truths, array.over(truths, made))
        heard.diarized(uem=uem)
        _worded(heard, heard.made if array.turns == "oracle" else None, normalize, name)
        systems.append(heard.system(f"{system}: {array.name}", _all, f"{array.protocol}; "))
    rows, through = systems[0].rows, systems[1].rows if array else ()
    microphones = sorted({truth.conversation.recording.path.rpartition("_")[2] for truth in truths})
    protocol = [f"microphone {' and '.join(microphones)}, not an enhanced array", MAIN, about]
    if not uem:
        protocol.append("no uem/ is here: whole sessions are scored, which CHiME-8 DASR does not")
    tables = [
        pages.Table(table, title, columns, [_ours(one, columns, said, work.split) for one in systems])
        for table, title, columns, said in TABLES
    ]
    return work.finished(made, rows, tables, protocol, "", through)


def _all(truth: Truth) -> str:
    return "all"


def _worded(sheet: Sheet, told: Made | None, normalize: Normalizer, name: str) -> None:
    """Who said what, and what each speaker said where the true turns were `told`."""
    sheet.worded("cp", normalize, name)
    sheet.worded("tcp", normalize, name, uem=True)
    sheet.add("track 1", *(true_segments(sheet.truths, told, normalize, name) if told else ({}, OTHER_TURNS)))


def _told(truths: Sequence[Truth], chain: Chain) -> Made:
    """What the chain says where it is told who speaks when."""
    return chain.over(truths, "run-true-turns", ("diarize.backend=oracle", f"diarize.oracle.turns={chain.out / 'truth'}"))


def true_segments(truths: Sequence[Truth], made: Made, normalize: Normalizer, name: str) -> tuple[Mapping[str, Counts], str]:
    """Track 1: of what was `made` with the true turns, the words of each speaker against those that he said."""
    counts = {}
    for truth in truths:
        ours = [_by_speaker(one) for one in spelled(of_conversation(truth.conversation), normalize)]
        theirs = [_by_speaker(one) for one in spelled(_as_in_truth(truth, made), normalize)]
        known = {one.session for one in ours}
        found = word_error(ours, [one for one in theirs if one.session in known]).counts
        counts[truth.name] = {"segment_errors": found["errors"], "segment_length": found["length"]}
    return counts, f"true segments, the words of each speaker joined, their names known; {name}"


def _as_in_truth(truth: Truth, made: Made) -> list[Segment]:
    """What was recognised in the true turns, under the true names: the chain calls speakers by the order of their first turns."""
    value = made.conversations.get(truth.name)
    if value is None:
        return []
    names = dict(zip(value.speakers, truth.conversation.speakers, strict=False))
    return [replace(one, speaker=names.get(one.speaker, one.speaker)) for one in named(value, truth.name)]


def _by_speaker(one: Segment) -> Segment:
    return replace(one, session=f"{one.session} {one.speaker}")


def _ours(system: System, columns: Sequence[str], said: str, split: str) -> pages.Ours:
    known = {key: system.protocol.get(key, NO_WORDS) for key in ("diarization", "cpwer", "tcpwer", "track 1")}
    figures = {key: figure(key, system.rows) for key in columns}
    return pages.Ours(system.name, figures, f"{split}; {system.about}{said.format_map(known)}")
