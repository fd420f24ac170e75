"""Who spoke when: the diarization error rate and the Jaccard error rate, computed by pyannote.metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import TICKS, Segment, speech
from sepdiar.formats.uem import Regions
from sepdiar.metrics.result import Counts, Result, added, by_session, check_sessions, need, ratio

if TYPE_CHECKING:
    from pyannote.core import Annotation, Timeline

PARTS = {"missed detection": "miss", "false alarm": "false_alarm", "confusion": "confusion", "total": "total"}


def diarization_error(
    reference: Iterable[Segment],
    hypothesis: Iterable[Segment],
    *,
    uem: Regions | None = None,
    collar: float = 0.0,
    skip_overlap: bool = False,
) -> Result:
    """The diarization error rate: time missed, invented and given to the wrong speaker, over the reference's speaker time.

    Counts are seconds: `miss`, `false_alarm`, `confusion`, `total` (each speaker's time counts, so overlap counts twice);
    and for the Jaccard error rate `jaccard_error`, one at most for each of `speakers`. `collar` is in seconds and on each
    side of a boundary. Without `uem`, a file is scored from the first beginning to the last end of either side. SD601:
    sessions that do not match; SD602: no speech to score.
    """
    need("pyannote.metrics", "score")
    from pyannote.metrics.diarization import DiarizationErrorRate, JaccardErrorRate

    ours, theirs = by_session(reference), by_session(hypothesis)
    check_sessions(ours if uem is None else {**ours, **uem}, theirs)
    scored = [session for session in ours if uem is None or session in uem]
    scored += [session for session in uem or () if session not in ours]
    errors = DiarizationErrorRate(collar=2 * collar, skip_overlap=skip_overlap)  # pyannote's is the width of both sides
    jaccard = JaccardErrorRate(collar=2 * collar, skip_overlap=skip_overlap)
    protocol = _protocol(uem, collar, skip_overlap, [session for session in scored if session not in theirs])
    rows = {}
    for session in sorted(scored):
        truth, guess = ours.get(session, []), theirs.get(session, [])
        region = _timeline(uem[session] if uem is not None else _extent(truth, guess))
        pair = _annotation(truth), _annotation(guess)
        parts = errors(*pair, uem=region, detailed=True)
        speakers = jaccard(*pair, uem=region, detailed=True)
        counts = {ours: float(parts[theirs]) for theirs, ours in PARTS.items()}
        counts |= {"jaccard_error": float(speakers["speaker error"]), "speakers": float(speakers["speaker count"])}
        rows[session] = _result(counts, protocol)
    whole = _result(added(row.counts for row in rows.values()), protocol)
    if not whole.counts.get("total"):
        raise SepdiarError("SD602", "the reference has no speech where it is scored")
    return Result(whole.metric, whole.value, whole.counts, protocol, whole.figures, rows)


def _result(counts: Counts, protocol: str) -> Result:
    total = counts.get("total", 0.0)
    parts = ("miss", "false_alarm", "confusion")
    figures = {part: ratio(counts.get(part, 0.0), total) for part in parts}
    figures["jer"] = ratio(counts.get("jaccard_error", 0.0), counts.get("speakers", 0.0))
    return Result("der", ratio(sum(counts.get(part, 0.0) for part in parts), total), counts, protocol, figures)


def _protocol(uem: Regions | None, collar: float, skip_overlap: bool, silent: Sequence[str]) -> str:
    extent = "no UEM: each file from the first begin to the last end of either"
    said = [
        f"collar {collar:g} s on each side of every boundary of the reference" if collar else "no collar",
        "overlap not scored" if skip_overlap else "overlap scored",
        "the files and stretches of the UEM" if uem is not None else extent,
        "segments of one speaker that touch or overlap are one",
        "best one-to-one mapping of speakers for each file",
        "files added up by time",
    ]
    if silent:
        said.append(f"{len(silent)} of the files have no hypothesis and count as missed ({', '.join(silent[:3])})")
    return "; ".join(said)


def _extent(*sides: Sequence[Segment]) -> tuple[Span, ...]:
    spans = [one.span for side in sides for one in side if len(one.span)]
    return (Span(min(span.start for span in spans), max(span.end for span in spans)),) if spans else ()


def _annotation(segments: Iterable[Segment]) -> Annotation:
    from pyannote.core import Annotation

    annotation = Annotation()
    for speaker, spans in sorted(speech(segments).items()):
        for span in spans:
            annotation[_seconds(span), speaker] = speaker
    return annotation


def _timeline(spans: Iterable[Span]) -> Timeline:
    from pyannote.core import Timeline

    return Timeline([_seconds(span) for span in spans])


def _seconds(span: Span):  # type: ignore[no-untyped-def]
    from pyannote.core import Segment as Stretch

    return Stretch(span.start / TICKS, span.end / TICKS)
