"""VoxConverse: who speaks when in debates and news."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sepdiar.corpora import voxconverse as corpus
from sepdiar.evaluation.meetings import pages
from sepdiar.evaluation.meetings.scores import Sheet, figure
from sepdiar.evaluation.meetings.work import Work, benchmark

COLUMNS = ("DER", "missed", "false alarm", "confusion", "JER")


@benchmark("voxconverse")
def voxconverse(work: Work, data: Path, limit: int | None) -> dict[str, Any]:
    """Measure a chain on VoxConverse: the diarization error rate without collar, overlap scored, no UEM.

    `data` holds dev/*.rttm and test/*.rttm and the WAV files anywhere below. Without a `recipe`, our diarizer alone. `limit` is
    how many recordings; a second call into `out` continues. The answer is what OUT/results.json holds.
    """
    truths = work.of(corpus.read(data, work.split), limit, data)
    sheet = Sheet(truths, work.chain.over(truths))
    sheet.diarized(uem=False)
    rows = sheet.rows(lambda truth: "all")
    ours = pages.Ours(
        f"sepdiar, {pages.name_of(work.chain)}",
        {key: figure(key, rows) for key in COLUMNS},
        f"{work.split}, {len(rows)} recordings: {sheet.protocol['diarization']}",
    )
    table = pages.Table("der", "VoxConverse: diarization error rate, %", COLUMNS, [ours])
    protocol = ["the references are those that lie in the data; the published rows were measured with version 0.3"]
    return work.finished(sheet.made, rows, [table], protocol)
