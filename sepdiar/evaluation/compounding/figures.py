"""Counts and cases into figures, of the whole and of every draw of the recordings, so that differences have intervals too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.compounding.scores import Scored
from sepdiar.evaluation.figures import FIGURES, Figure, mean, ratios, share
from sepdiar.metrics.turns import Found, pooled

DRAWS = 500
DIGITS = 4
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """What a figure is called and in what, and which way is better."""

    title: str
    unit: str
    better: str = "less"

    @property
    def sign(self) -> int:
        """What makes more of it the worse."""
        return 1 if self.better == "less" else -1


WHO = ("der", "miss", "false_alarm", "confusion", "counted", "onsets", "wrong_speaker")
HEARD = ("si_sdr_clean", "si_sdr_overlap", "improvement", "leakage", "swaps")
COUNTED: dict[str, Figure] = {key: FIGURES[key] for key in (*WHO, *HEARD)} | {
    "jer": share("JER", "jaccard_error", "speakers", "less"),
    "onsets_200": share("onsets 200 ms", "onsets_200ms", "turns"),
    "offsets": share("offsets 50 ms", "offsets_50ms", "turns"),
    "offsets_200": share("offsets 200 ms", "offsets_200ms", "turns"),
    "backchannels": share("backchannels found", "backchannels_found", "backchannels"),
    "backchannels_invented": share("invented, of those there are", "backchannels_invented", "backchannels", "less"),
    "overlaps": share("overlaps found", "overlaps_found", "overlaps"),
    "overlaps_invented": share("invented, of those there are", "overlaps_invented", "overlaps", "less"),
    "si_sdr": mean("SI-SDR", "si_sdr"),
    "sdr": mean("SDR", "sdr"),
    "cpwer": share("cpWER", "cp_errors", "cp_length", "less"),
    "tcpwer": share("tcpWER", "tcp_errors", "tcp_length", "less"),
    "orcwer": share("ORC-WER", "orc_errors", "orc_length", "less"),
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


def _pooled(again: Sequence[Found]) -> Mapping[str, float]:
    figures = pooled(again).figures
    return {key: 1000 * figures[name] for key, (name, _) in POOLED.items() if figures[name] is not None}


def value_of(values: Values) -> dict[str, float | None]:
    """Of the whole, and where 95 % of the draws lie."""
    if np.isnan(values[0]):
        return {"value": None, "low": None, "high": None}
    low, high = bootstrap.interval(values[1:], DIGITS)
    return {"value": round(float(values[0]), DIGITS), "low": _real(low), "high": _real(high)}


def _real(value: float) -> float | None:
    return None if np.isnan(value) else value
