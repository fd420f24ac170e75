"""LibriCSS: read speech of eight people, played in a room with more and more overlap; one microphone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sepdiar.corpora import Truth
from sepdiar.corpora import libricss as corpus
from sepdiar.evaluation.meetings import pages, utterances
from sepdiar.evaluation.meetings.chain import given, kept_as
from sepdiar.evaluation.meetings.curve import overlap_curve
from sepdiar.evaluation.meetings.scores import Row, Sheet
from sepdiar.evaluation.meetings.work import MAIN, Work, begun
from sepdiar.events import Listener, silence
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


def libricss(
    data: str | Path,
    out: str | Path,
    *,
    recipe: str | Path | None = None,
    settings: Iterable[str] = (),
    split: str = "test",
    limit: int | None = None,
    workers: int | None = None,
    listen: Listener = silence,
) -> dict[str, Any]:
    """Measure a chain on LibriCSS, its first microphone: word error rates on true segments and on whole sessions, and DER.

    `data` is the folder for_release. Session 0 is `dev`, the other nine are `test`; `limit` is how many sessions of each of the
    six conditions. Without a `recipe`, the chain is all ours, with pocketsphinx for the words. A second call into `out`
    continues. The answer is what OUT/results.json holds.
    """
    work = begun("libricss", data, out, split, recipe, settings, workers, listen)
    return measured(work, Path(data), limit, [])


def measured(work: Work, data: Path, limit: int | None, protocol: Sequence[str]) -> dict[str, Any]:
    """The benchmark on data in its layout, whoever made them."""
    with work.wanting():
        truths = _chosen(corpus.read(data), work.split, limit)
    truths = work.of(truths, None, data)
    sheet = Sheet(truths, work.chain.over(truths))
    sheet.diarized(uem=True)
    if work.chain.says_words:
        sheet.worded("cp", None, "basic")
        sheet.worded("orc", None, "basic")
        ears = utterances.Ears.of(work.chain.config())
        counts = {}
        for truth in truths:
            file, kept = given(truth, work.out / "audio"), work.out / "utterances" / kept_as(truth)
            heard = utterances.heard_apart(truth, file, ears, kept, work.chain.listen)
            counts[truth.name] = utterances.scored(truth, heard, NORMALIZERS["basic"][1])
        sheet.add("utterances", counts, OPTIMISTIC if ears.separate else NOTHING_SEPARATED)
    rows = sheet.rows(condition)
    conditions = [name for name in corpus.CONDITIONS if any(row.group == name for row in rows)]
    tables = list(_tables(work, sheet, rows, conditions))
    picture = overlap_curve(tables, conditions, work.out)
    said = ["one microphone: channel 0 of record/raw_recording.wav", f"{DEV} is dev, the others are test", *protocol]
    said.append(MAIN if work.chain.says_words else "no words come out of this chain, and none are scored")
    return work.finished(sheet.made, rows, tables, said, picture)


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


def _tables(work: Work, sheet: Sheet, rows: Sequence[Row], conditions: Sequence[str]) -> Iterator[pages.Table]:
    system, said = f"sepdiar, {pages.name_of(work.chain)}", f"{work.split}, {len(rows)} sessions: "
    protocol = {**sheet.protocol, "microphone": ALONE}

    def table(name: str, title: str, ours: Sequence[pages.Ours]) -> pages.Table:
        return pages.Table(name, f"{work.about.title}: {title}, %", conditions, ours)

    for name, title, figures in WORDS if work.chain.says_words else ():
        ours = [
            pages.Ours(f"{system}: {key}", pages.by_group(key, rows, conditions), said + protocol[what]) for key, what in figures
        ]
        yield table(name, title, ours)
    cells = {key: pages.by_group(key, rows, conditions) for key in PARTS}
    yield table("diarization", "who speaks when", pages.parts(f"{system}: DER", said + protocol["diarization"], cells))
