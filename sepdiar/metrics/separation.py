"""How well the channels were told apart: SI-SDR, SDR and leakage, clean stretches and overlapped ones by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from sepdiar.audio.source import Audio
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import Segment
from sepdiar.metrics.activity import Spans, of_energy, of_segments, patterns
from sepdiar.metrics.energies import LIMIT, TAPS, Matrix, decibels, products, sdr, si_sdr
from sepdiar.metrics.result import Counts, Result, added, ratio
from sepdiar.metrics.sides import check_alike

MEASURES = ("si_sdr", "improvement", "sdr", "si_sdr_clean", "si_sdr_overlap", "improvement_overlap")
Products = Mapping[frozenset[int], Matrix]


def separation(
    reference: Audio,
    hypothesis: Audio,
    *,
    turns: Sequence[Segment] | None = None,
    mixture: Audio | None = None,
    name: str = "",
    filtered: bool = True,
) -> Result:
    """How well the channels of `hypothesis` give those of `reference`, which hold one speaker each.

    The channels of the whole recording are assigned once, by the best mean SI-SDR. For each channel: `si_sdr`;
    `improvement` over `mixture` (or the sum of the reference's channels); `sdr`, unless `filtered` is not wanted, for it takes
    longer than all the rest; `si_sdr_clean`, where its speaker alone speaks; `si_sdr_overlap` and `improvement_overlap`, where
    others do too; and `leakage`, its energy where only others speak, over theirs, in dB, low being good. Who speaks is told by
    `turns`, else by the energy of the reference's channels. SD601: lengths, rates or numbers of channels or speakers that
    differ; SD602: a silent reference.
    """
    count = reference.channels
    check_alike(reference, hypothesis, name)
    if hypothesis.channels != count:
        raise SepdiarError("SD601", f"{hypothesis.channels} channels against {count}", where=name)
    if mixture is not None:
        check_alike(reference, mixture, f"mixture of {name}" if name else "mixture")
    if not reference.samples:
        raise SepdiarError("SD602", "no samples", where=name)
    activity = _activity(reference, turns, name)
    audios = [reference, hypothesis, *([mixture] if mixture else [])]
    parts = products(audios, patterns(dict(enumerate(activity)), reference.samples))
    if mixture is None:
        parts = {who: _with_sum(energies, count) for who, energies in parts.items()}
    if turns is not None:
        channel_of = _channels_of_speakers(parts, len(activity), count)
        parts = {frozenset(channel_of[speaker] for speaker in who): energies for who, energies in parts.items()}
    whole = _summed(parts.values(), parts)
    if not np.isfinite(whole).all():
        raise SepdiarError("SD114", where=name)
    if not whole[:count, :count].trace():
        raise SepdiarError("SD602", "the reference is silent", where=name)
    order = _best_order(whole, count)
    shaped = sdr(reference, hypothesis, order) if filtered else [None] * count
    rows = [{**_channel(parts, whole, count, channel, order[channel]), "sdr": shaped[channel]} for channel in range(count)]
    return _result(_counts(rows), _protocol(turns is not None, mixture is not None), rows)


def pooled(results: Mapping[str, Result]) -> Result:
    """Several recordings as one result: means over all their channels, leakage from their summed energies."""
    first = next(iter(results.values()))
    return replace(_result(added(one.counts for one in results.values()), first.protocol), per_session=dict(results))


def _activity(reference: Audio, turns: Sequence[Segment] | None, name: str) -> list[Spans]:
    if turns is None:
        return list(of_energy(reference))
    speakers = of_segments(turns, reference.rate, reference.samples)
    if len(speakers) > reference.channels:
        raise SepdiarError("SD601", f"turns of {len(speakers)} speakers for {reference.channels} channels", where=name)
    return list(speakers.values())


def _channels_of_speakers(parts: Products, speakers: int, channels: int) -> dict[int, int]:
    """The channel of each speaker: they are loudest, each for itself, where that speaker alone speaks."""
    share = np.zeros((speakers, channels))
    for speaker in range(speakers):
        alone = parts.get(frozenset({speaker}))
        if alone is not None:
            energy = np.diag(alone)[:channels]
            share[speaker] = energy / max(energy.sum(), np.finfo(float).tiny)
    return {int(speaker): int(channel) for speaker, channel in zip(*linear_sum_assignment(-share), strict=True)}


def _best_order(whole: Matrix, count: int) -> list[int]:
    fit = np.zeros((count, count))
    for channel in range(count):
        for candidate in range(count):
            fit[channel, candidate] = _fit(whole, channel, count + candidate) or 0.0
    return [int(candidate) for candidate in linear_sum_assignment(-fit)[1]]


def _channel(parts: Products, whole: Matrix, count: int, channel: int, chosen: int) -> dict[str, Any]:
    est = count + chosen
    clean = _summed((parts[who] for who in parts if who == {channel}), parts)
    crossed = _summed((parts[who] for who in parts if channel in who and len(who) > 1), parts)
    others = _summed((parts[who] for who in parts if who and channel not in who), parts)
    scored, apart = _fit(whole, channel, est), _fit(crossed, channel, est)
    other_energy = float(np.trace(others[:count, :count])) - float(others[channel, channel])
    return {
        "hypothesis_channel": chosen,
        "si_sdr": scored,
        "improvement": _less(scored, _fit(whole, channel, 2 * count)),
        "si_sdr_clean": _fit(clean, channel, est),
        "si_sdr_overlap": apart,
        "improvement_overlap": _less(apart, _fit(crossed, channel, 2 * count)),
        "leaked_energy": float(others[est, est]),
        "other_energy": other_energy,
        "leakage": decibels(float(others[est, est]), other_energy) if other_energy > 0 else None,
    }


def _less(scored: float | None, unprocessed: float | None) -> float | None:
    return None if scored is None or unprocessed is None else scored - unprocessed


def _fit(energies: Matrix, reference: int, estimate: int) -> float | None:
    return si_sdr(*(float(energies[pair]) for pair in ((reference,) * 2, (estimate,) * 2, (reference, estimate))))


def _summed(chosen: Iterable[Matrix], like: Products) -> Matrix:
    total: Matrix = sum(chosen, np.zeros_like(next(iter(like.values()))))
    return total


def _with_sum(energies: NDArray[np.float64], count: int) -> Matrix:
    """One row and column more: the sum of the first `count` channels."""
    mixing = np.vstack([np.eye(2 * count), [1.0] * count + [0.0] * count])
    more: Matrix = mixing @ energies @ mixing.T
    return more


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    counts: dict[str, float] = {key: sum(row[key] for row in rows) for key in ("leaked_energy", "other_energy")}
    for measure in MEASURES:
        known = [row[measure] for row in rows if row[measure] is not None]
        counts |= {f"{measure}_channels": len(known), f"{measure}_db": sum(known)}
    return counts


def _result(counts: Counts, protocol: str, rows: Sequence[Mapping[str, Any]] = ()) -> Result:
    figures: dict[str, Any] = {one: ratio(counts[f"{one}_db"], counts[f"{one}_channels"]) for one in MEASURES}
    if counts["other_energy"] > 0:
        figures["leakage"] = decibels(counts["leaked_energy"], counts["other_energy"])
    if rows:
        figures["channels"] = [dict(row) for row in rows]
    return Result("separation", figures["si_sdr"], counts, protocol, figures)


def _protocol(with_turns: bool, with_mixture: bool) -> str:
    return "; ".join(
        [
            "SI-SDR in dB, mean over the channels of all recordings, means not removed, "
            f"each between -{LIMIT:g} and {LIMIT:g} dB, silent references left out",
            "best assignment of channels once for a whole recording",
            f"improvement over {'the mixture given' if with_mixture else 'the sum of the reference channels'}",
            f"SDR with a filter of {TAPS} taps over the whole recording",
            f"who speaks by {'the turns given' if with_turns else 'the energy of the reference channels'}",
            "leakage: energy of a channel where only others speak, over theirs, energies added up",
        ]
    )
