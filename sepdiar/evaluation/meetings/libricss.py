"""LibriCSS: read speech of eight people, played in a room with more and more overlap; one microphone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sepdiar.corpora import Truth
from sepdiar.corpora import libricss as corpus
from sepdiar.evaluation.keys import cache_key
from sepdiar.evaluation.meetings import pages, utterances
from sepdiar.evaluation.meetings.array import guided
from sepdiar.evaluation.meetings.chain import given, kept_as
from sepdiar.evaluation.meetings.curve import overlap_curve
from sepdiar.evaluation.meetings.scores import Sheet, System
from sepdiar.evaluation.meetings.work import MAIN, Work, benchmark
from sepdiar.metrics.recognition import NORMALIZERS

DEV = "session0"
OPTIMISTIC = "true segments, of the separator's two outputs the one with fewest errors: optimistic, only the truth can tell which"
WORDS = (
    ("utterance-wise", "word error rate on true segments", (("best stream", "utterances"), ("no separation", "microphone"))),
    ("continuous", "word error rate on whole sessions", (("cpWER", "cpwer"), ("ORC-WER", "orcwer"))),
)
PARTS = ("DER", "missed", "false alarm", "confusion", "JER")
NOTHING_SEPARATED = "true segments; this chain separates no segment by itself, so that there is one stream"
ALONE = "true segments, the microphone as it is"


@benchmark("libricss")
def libricss(work: Work, data: Path, limit: int | None, *, gss: str | None = None) -> dict[str, Any]:
    """Measure a chain on LibriCSS, its first microphone: word error rates on true segments and on whole sessions, and DER.

    `data` is the folder for_release. Session 0 is `dev`, the other nine are `test`; `limit` is how many sessions of each of the
    six conditions. Without a `recipe`, the chain is all ours, with pocketsphinx for the words. With `gss` there is also a row of
    guided source separation of all seven, with the turns of the chain ("system") or the true ones ("oracle"). A second call into
    `out` continues. The answer is what OUT/results.json holds.
    """
    return measured(work, data, limit, [], gss)


def measured(work: Work, data: Path, limit: int | None, protocol: Sequence[str], gss: str | None = None) -> dict[str, Any]:
    """The benchmark on data in its layout, whoever made them."""
    with work.wanting():
        truths = _chosen(corpus.read(data), work.split, limit)
    truths = work.of(truths, None, data)
    array = guided(gss, work, truths, data)
    made = work.chain.over(truths)
    name = f"sepdiar, {pages.name_of(work.chain)}: "
    sheet = Sheet(truths, made)
    sheet.diarized(uem=True)
    if work.chain.says_words:
        _worded(sheet)
        _utterances(sheet, work)
    systems = [sheet.system(name, condition)]
    if array:
        heard = Sheet(truths, array.over(truths, made))
        _worded(heard)
        systems.append(heard.system(f"{name}{array.name}, ", condition, f"{array.protocol}; "))
    rows, through = systems[0].rows, systems[1].rows if array else ()
    conditions = [name for name in corpus.CONDITIONS if any(row.group == name for row in rows)]
    tables = list(_tables(work, systems, conditions))
    picture = overlap_curve(tables, conditions, work.out)
    said = ["one microphone: channel 0 of record/raw_recording.wav", f"{DEV} is dev, the others are test", *protocol]
    said.append(MAIN if work.chain.says_words else "no words come out of this chain, and none are scored")
    return work.finished(made, rows, tables, said, picture, through)


def _worded(sheet: Sheet) -> None:
    sheet.worded("cp", None, "basic")
    sheet.worded("orc", None, "basic")


def _utterances(sheet: Sheet, work: Work) -> None:
    """True segments, one by one."""
    config = work.chain.config()
    ears, place = utterances.Ears.of(config), work.out / "utterances" / cache_key(config.facts())
    counts = {}
    for truth in sheet.truths:
        file, kept = given(truth, work.out / "audio"), place / kept_as(truth)
        heard = utterances.heard_apart(truth, file, ears, kept, work.chain.listen)
        counts[truth.name] = utterances.scored(truth, heard, NORMALIZERS["basic"][1])
    sheet.add("utterances", counts, OPTIMISTIC if ears.separate else NOTHING_SEPARATED)
    sheet.add("microphone", {}, ALONE)


def condition(truth: Truth) -> str:
    """0S, 0L, OV10 to OV40."""
    return truth.name.partition("_")[0]


def _chosen(truths: Iterable[Truth], split: str, limit: int | None) -> list[Truth]:
    taken: dict[str, int] = {}
    chosen = []
    for truth in truths:
        if (truth.name.partition("_")[2] == DEV) == (split == "dev") and taken.get(condition(truth), 0) < (limit or 10**9):
            taken[condition(truth)] = taken.get(condition(truth), 0) + 1
            chosen.append(truth)
    return chosen


def _tables(work: Work, systems: Sequence[System], conditions: Sequence[str]) -> Iterator[pages.Table]:
    said = f"{work.split}, {len(systems[0].rows)} sessions: "

    def table(name: str, title: str, ours: Sequence[pages.Ours]) -> pages.Table:
        return pages.Table(name, f"{work.about.title}: {title}, %", conditions, ours)

    for name, title, figures in WORDS:
        ours = [
            pages.Ours(f"{one.name}{key}", pages.by_group(key, one.rows, conditions), f"{said}{one.about}{one.protocol[what]}")
            for one in systems
            for key, what in figures
            if what in one.protocol
        ]
        if ours:
            yield table(name, title, ours)
    chain = systems[0]
    parts = {key: pages.by_group(key, chain.rows, conditions) for key in PARTS}
    yield table("diarization", "who speaks when", pages.parts(f"{chain.name}DER", said + chain.protocol["diarization"], parts))
