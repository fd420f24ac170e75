"""The table of a benchmark of two speakers: our row, and what others have published, each with its protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sepdiar.evaluation.page import Sheet
from sepdiar.evaluation.shipped import Published
from sepdiar.evaluation.two_speakers.scores import PROTOCOL

FIGURES = ("si_sdr_improvement", "sdr_improvement", "si_sdr", "sdr", "si_sdr_mixture", "sdr_mixture")
HEADS = ("system", "SI-SDRi, dB", "SDRi, dB", "protocol", "source")


def sheet(results: Mapping[str, Any], rows: Sequence[Published]) -> Sheet:
    """Ours first, with the interval of the mean; then the published rows in the order of their file."""
    figures = results["figures"]
    ours = [results["separator"]["name"], *(_figure(figures[key]) for key in FIGURES[:2]), part(results), "this command"]
    others = [
        [row.system, *(f"{row.figures[key]:.1f}" if key in row.figures else "-" for key in FIGURES[:2]), row.protocol, row.source]
        for row in rows
    ]
    return Sheet(f"{results['title']}: improvement over the mixture", HEADS, [ours, *others])


def part(results: Mapping[str, Any]) -> str:
    """Which mixtures were heard."""
    counted = f"{results['mixtures']} mixtures"
    if results["mixtures"] < results["of"]:
        counted = f"the first {results['mixtures']} of {results['of']} mixtures"
    rate, scored = results["rate"] // 1000, results["scored_rate"] // 1000
    heard = f"{rate} kHz" if rate == scored else f"heard at {rate} kHz, scored at {scored} kHz"
    return f"{heard}, {results['mode']}, {results['split']}, {results['condition']}, {counted}"


def notes(results: Mapping[str, Any]) -> list[str]:
    """How our row was measured, a line each."""
    separator, rate, figures = results["separator"], results["rate"], results["figures"]
    model = f", model {separator['model']} ({separator['model_sha256'][:12]})" if separator["model"] else ""
    lines = [f"{separator['name']}{model}: each mixture heard whole, at once"]
    if separator["rate"] != rate:
        lines.append(f"resampled to the {separator['rate']} Hz of the separator, and its outputs back to {rate} Hz")
    if results["scored_rate"] != rate:
        lines.append(f"sources, mixtures and outputs brought to {results['scored_rate']} Hz, and scored there")
    lines += [*PROTOCOL, "intervals (95 %): a bootstrap over mixtures"]
    lines.append(
        f"the mixtures themselves: SI-SDR {_figure(figures['si_sdr_mixture'])}, SDR {_figure(figures['sdr_mixture'])} dB"
    )
    return [f"- {line}" for line in lines]


def _figure(figure: Mapping[str, Any]) -> str:
    """
    >>> _figure({"value": 6.52, "interval": (6.1, 6.9)})
    '6.5 (6.1 to 6.9)'
    """
    low, high = figure["interval"]
    return f"{figure['value']:.1f} ({low:.1f} to {high:.1f})"
