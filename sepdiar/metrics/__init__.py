"""Scores: each number with the counts it is made of and the protocol it was measured under."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.formats import Paths, read_pair, read_segments, read_uem
from sepdiar.formats.segments import Segment
from sepdiar.metrics.result import Result

__all__ = ["METRICS", "Result", "score"]


def score(
    metric: str,
    ref: Paths,
    hyp: Paths,
    *,
    uem: str | Path | None = None,
    collar: float | None = None,
    skip_overlap: bool = False,
    kind: str | None = None,
    normalizer: str | None = None,
    turns: Paths | None = None,
    mixture: Paths | None = None,
) -> Result:
    """Score files against files: `metric` is `der`, `wer`, `separation`, `swaps` or `turns`.

    `ref` and `hyp` are a file, several, or a folder: of segments (RTTM, STM, CTM, SegLST, conversation.json, a run), or for
    `separation` and `swaps` of audio (WAV, FLAC). `der` takes `uem`, `collar` (seconds on each side of a boundary) and
    `skip_overlap`; `wer` takes `kind` (`cp`, `tcp` or `orc`), `collar` (seconds, for `tcp`), `normalizer` (`none` or
    `basic`) and `uem`; `separation` and `swaps` take `turns` (who really speaks when), `separation` also `mixture` (what was
    separated). An option that the metric has not is SD202.
    """
    if metric not in METRICS:
        raise SepdiarError("SD201", f"no metric {metric!r}; there are: {', '.join(METRICS)}")
    accepted, run = METRICS[metric]
    options: dict[str, Any] = {"uem": uem, "collar": collar, "skip_overlap": skip_overlap, "kind": kind, "normalizer": normalizer}
    options |= {"turns": turns, "mixture": mixture}
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    if strange := [name for name in given if name not in accepted]:
        raise SepdiarError("SD202", f"{metric} takes no {strange[0]}; it takes: {', '.join(accepted) or 'nothing more'}")
    if collar is not None and not 0 <= collar < float("inf"):
        raise SepdiarError("SD202", f"a collar is a number of seconds from 0 on, not {collar}")
    return run(ref, hyp, given)


def _der(ref: Paths, hyp: Paths, given: Mapping[str, Any]) -> Result:
    from sepdiar.metrics.diarization import diarization_error

    return diarization_error(*read_pair(ref, hyp), **_read(given))


def _wer(ref: Paths, hyp: Paths, given: Mapping[str, Any]) -> Result:
    from sepdiar.metrics.recognition import word_error

    return word_error(*read_pair(ref, hyp), **_read(given))


def _turns(ref: Paths, hyp: Paths, given: Mapping[str, Any]) -> Result:
    from sepdiar.metrics.turns import turn_taking

    return turn_taking(*read_pair(ref, hyp))


def _separation(ref: Paths, hyp: Paths, given: Mapping[str, Any]) -> Result:
    from sepdiar.metrics.separation import pooled, separation
    from sepdiar.metrics.sides import open_side, paired

    truths = open_side(ref)
    pairs = paired(truths, open_side(hyp))
    mixtures = paired(truths, open_side(given["mixture"])) if "mixture" in given else {}
    spoken = _spoken(pairs, given)
    return pooled(
        {
            name: separation(*pair, turns=spoken.get(name), mixture=mixtures[name][1] if mixtures else None, name=name)
            for name, pair in pairs.items()
        }
    )


def _swaps(ref: Paths, hyp: Paths, given: Mapping[str, Any]) -> Result:
    from sepdiar.metrics.sides import open_side, paired
    from sepdiar.metrics.swaps import pooled, swaps

    pairs = paired(open_side(ref), open_side(hyp))
    spoken = _spoken(pairs, given)
    return pooled({name: swaps(*pair, turns=spoken.get(name), name=name) for name, pair in pairs.items()})


def _spoken(pairs: Iterable[str], given: Mapping[str, Any]) -> dict[str, list[Segment]]:
    """The turns of each recording, where turns are given; one with one whatever they are called."""
    from sepdiar.metrics.result import by_session

    if "turns" not in given:
        return {}
    names, spoken = list(pairs), by_session(read_segments(given["turns"]))
    if len(spoken) == len(names) == 1:
        return dict(zip(names, spoken.values(), strict=True))
    if missing := [name for name in names if name not in spoken]:
        raise SepdiarError("SD601", f"the turns have no session {missing[0]!r}", where=str(given["turns"]))
    return spoken


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, "uem": read_uem(given["uem"])} if "uem" in given else dict(given)


METRICS: dict[str, tuple[tuple[str, ...], Callable[[Paths, Paths, Mapping[str, Any]], Result]]] = {
    "der": (("uem", "collar", "skip_overlap"), _der),
    "wer": (("kind", "collar", "normalizer", "uem"), _wer),
    "separation": (("turns", "mixture"), _separation),
    "swaps": (("turns",), _swaps),
    "turns": ((), _turns),
}
"""The metrics, each with the options it takes."""
