"""Counts and cases into figures, of the whole and of every draw of the recordings, so that differences have intervals too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.compounding.scores import Scored
from sepdiar.evaluation.embedded.figures import FIGURES as HEARD
from sepdiar.evaluation.embedded.figures import Figure, ratios, share
from sepdiar.metrics.turns import pooled

DRAWS = 500
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """What a figure is called and in what, and which way is better."""

    title: str
    unit: str
    better: str = "less"


def _errors(title: str, kind: str) -> Figure:
    return share(title, f"{kind}_errors", f"{kind}_length", "less")


COUNTED: dict[str, Figure] = {
    "der": HEARD["der"],
    "jer": share("JER", "jaccard_error", "speakers", "less"),
    "miss": HEARD["miss"],
    "false_alarm": HEARD["false_alarm"],
    "confusion": HEARD["confusion"],
    "counted": HEARD["counted"],
    "onsets": HEARD["onsets"],
    "onsets_200": share("onsets 200 ms", "onsets_200ms", "turns"),
    "offsets": share("offsets 50 ms", "offsets_50ms", "turns"),
    "offsets_200": share("offsets 200 ms", "offsets_200ms", "turns"),
    "wrong_speaker": HEARD["wrong_speaker"],
    "backchannels": share("backchannels found", "backchannels_found", "backchannels"),
    "backchannels_invented": share("invented, of those there are", "backchannels_invented", "backchannels", "less"),
    "overlaps": share("overlaps found", "overlaps_found", "overlaps"),
    "overlaps_invented": share("invented, of those there are", "overlaps_invented", "overlaps", "less"),
    "si_sdr": Figure("SI-SDR", {"si_sdr_db": 1.0}, {"si_sdr_channels": 1.0}, "dB"),
    "sdr": Figure("SDR", {"sdr_db": 1.0}, {"sdr_channels": 1.0}, "dB"),
    "si_sdr_clean": HEARD["si_sdr_clean"],
    "si_sdr_overlap": HEARD["si_sdr_overlap"],
    "improvement": HEARD["improvement"],
    "leakage": HEARD["leakage"],
    "swaps": HEARD["swaps"],
    "cpwer": _errors("cpWER", "cp"),
    "tcpwer": _errors("tcpWER", "tcp"),
    "orcwer": _errors("ORC-WER", "orc"),
    "wer_clean": share("words wrong, one speaks", "clean_errors", "clean_words", "less"),
    "wer_overlap": share("words wrong, both speak", "overlap_errors", "overlap_words", "less"),
    "takeovers": share("takeovers kept", "takeovers_kept", "takeovers"),
    "others": share("other turns kept", "others_kept", "others"),
}
"""Figures that are sums over sums."""

POOLED: dict[str, tuple[str, Shown]] = {
    "onset_median": ("onset_error_median", Shown("onset error, median", "ms")),
    "onset_p90": ("onset_error_p90", Shown("onset error, 90 %", "ms")),
    "offset_median": ("offset_error_median", Shown("offset error, median", "ms")),
    "offset_p90": ("offset_error_p90", Shown("offset error, 90 %", "ms")),
    "transfer_median": ("transfer_error_median", Shown("floor transfer error, median", "ms")),
    "transfer_distance": ("transfer_distance", Shown("floor transfers, distance", "ms")),
}
"""Figures of all cases together, from the metric of turn taking; there in seconds."""

SHOWN: dict[str, Shown] = {key: Shown(one.title, one.unit, one.better) for key, one in COUNTED.items()} | {
    key: shown for key, (_, shown) in POOLED.items()
}


def drawn(rows: Sequence[Scored]) -> dict[str, Values]:
    """Every figure of some recordings: of all of them first, then of each draw. NaN where there is nothing to count."""
    weights = np.vstack([np.ones(len(rows)), bootstrap.drawn(len(rows), DRAWS)])
    found = {}
    for key, figure in COUNTED.items():
        sums = np.array([[figure.above(row.counts), figure.below(row.counts)] for row in rows])
        found[key] = ratios(figure, weights @ sums)
    for key in POOLED:
        found[key] = np.full(len(weights), np.nan)
    for number, weight in enumerate(weights):
        again = [row.found for row, times in zip(rows, weight.astype(int), strict=True) for _ in range(times)]
        for key, value in _pooled(again).items():
            found[key][number] = value
    return found


def _pooled(again: Sequence[object]) -> Mapping[str, float]:
    figures = pooled(again).figures  # type: ignore[arg-type]
    return {key: 1000 * figures[name] for key, (name, _) in POOLED.items() if figures[name] is not None}
