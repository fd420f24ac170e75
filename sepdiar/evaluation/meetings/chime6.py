"""CHiME-6: dinner parties, through one microphone of one array; its two tracks, and the scores of CHiME-8 DASR."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sepdiar.corpora import Truth
from sepdiar.corpora import chime6 as corpus
from sepdiar.corpora.parts import lacking
from sepdiar.evaluation.meetings import pages
from sepdiar.evaluation.meetings.chain import Chain, Made
from sepdiar.evaluation.meetings.normalizer import chime8
from sepdiar.evaluation.meetings.scores import Normalizer, Row, Sheet, figure, named, spelled
from sepdiar.evaluation.meetings.work import MAIN, begun
from sepdiar.events import Listener, silence
from sepdiar.formats.segments import Segment, of_conversation
from sepdiar.metrics.recognition import word_error
from sepdiar.metrics.result import Counts

SPLITS = {"dev": "dev", "test": "eval"}
COLUMNS = ("track 1 WER", "DER", "JER", "cpWER")
DASR = ("tcpWER", "DER", "JER")


def chime6(
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
    """Measure a chain on CHiME-6, one distant microphone: track 1, track 2, and the scores of CHiME-8 DASR.

    `data` holds audio/ and transcriptions/, and uem/ for CHiME-8; `test` is what CHiME-6 calls eval. Track 1 is the chain with
    the true turns in the diarizer's place. Without a `recipe`, the chain is all ours, with pocketsphinx for the words. `limit` is
    how many sessions; a second call into `out` continues. The answer is what OUT/results.json holds.
    """
    work = begun("chime6", data, out, split, recipe, settings, workers, listen)
    if split not in SPLITS:
        with work.wanting():
            raise lacking(f"split {split!r}: there are {', '.join(SPLITS)}", Path(data))
    truths = work.of(corpus.read(Path(data), SPLITS[split]), limit, Path(data))
    normalize, name, about = chime8()
    sheet = Sheet(truths, work.chain.over(truths))
    sheet.diarized(uem=any(truth.scored for truth in truths))
    if work.chain.says_words:
        sheet.worded("cp", normalize, name)
        sheet.worded("tcp", normalize, name, uem=True)
        sheet.add("track 1", *true_segments(truths, work.chain, normalize, name))
    rows = sheet.rows(lambda truth: "all")
    microphones = sorted({truth.conversation.recording.path.rpartition("_")[2] for truth in truths})
    protocol = [f"microphone {' and '.join(microphones)}, not an enhanced array", MAIN, about]
    if not any(truth.scored for truth in truths):
        protocol.append("no uem/ is here: whole sessions are scored, which CHiME-8 DASR does not")
    return work.finished(sheet.made, rows, _tables(sheet, rows, f"sepdiar, {pages.name_of(work.chain)}", split), protocol)


def true_segments(truths: Sequence[Truth], chain: Chain, normalize: Normalizer, name: str) -> tuple[Mapping[str, Counts], str]:
    """Track 1: the chain told who speaks when; the words of each speaker against those that he said."""
    turns = ("diarize.backend=oracle", f"diarize.oracle.turns={chain.out / 'truth'}")
    made = chain.over(truths, "run-true-turns", turns)
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


def _tables(sheet: Sheet, rows: Sequence[Row], system: str, split: str) -> list[pages.Table]:
    scores = ("diarization", "cpwer", "tcpwer", "track 1")
    said = {key: sheet.protocol.get(key, "no words come out of this chain") for key in scores}
    tracks = f"{split}; track 1: {said['track 1']}; DER and JER: {said['diarization']}; {said['cpwer']}"
    dasr = f"{split}; {said['tcpwer']}; DER and JER: {said['diarization']}; one of the four corpora of the challenge"
    return [
        pages.Table(name, title, columns, [pages.Ours(system, {key: figure(key, rows) for key in columns}, protocol)])
        for name, title, columns, protocol in (
            ("chime6", "CHiME-6, %", COLUMNS, tracks),
            ("chime8", "CHiME-8 DASR, its part CHiME-6, %", DASR, dasr),
        )
    ]
