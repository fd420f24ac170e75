"""The function behind `sepdiar eval overlap`: what separation gives where several speak, and what it costs where one does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sepdiar.config import Config
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.compounding.cells import KNOWN, ORACLE, Asked, Cell
from sepdiar.evaluation.compounding.figures import DRAWS, SHOWN, drawn, value_of
from sepdiar.evaluation.compounding.measure import facts, measured, prepared
from sepdiar.evaluation.compounding.scores import Scored, compared
from sepdiar.evaluation.compounding.sheets import chain_of, title
from sepdiar.evaluation.compounding.truths import Ready
from sepdiar.evaluation.page import Sheet, cell, write
from sepdiar.events import Listener, silence
from sepdiar.metrics.spoken import PROTOCOL as WORDS

NOTHING = "masking"
FIGURES = ("wer_clean", "wer_overlap", "cpwer", "si_sdr_clean", "si_sdr_overlap", "leakage")
PUBLISHED = {
    "source": "Raj et al. 2021, Integration of speech separation, diarization, and recognition for multi-speaker meetings",
    "protocol": "LibriCSS, separation then diarization then recognition; cpWER, %, of parts with overlap and of parts without",
    "overlap": [27.1, 13.4],
    "clean": [11.2, 12.4],
}
PROTOCOL = (
    "three chains that differ in separation alone: none (each channel is the mixture where its speaker speaks), overlap alone, "
    "every second",
    WORDS,
    "SI-SDR: mean over channels; clean: where in truth the channel's speaker alone speaks; overlap: where both do",
    "gain: beside no separation on the same recordings, above 0 for the better; 95 % intervals: bootstrap over recordings, "
    f"{DRAWS} draws",
)


def overlap(
    oracle_dir: str | Path,
    out: str | Path,
    *,
    turns: str = "true",
    layout: str | None = None,
    recipe: str | Path | None = None,
    config: str | Path | None = None,
    separator: str | None = None,
    diarizer: str | None = None,
    recognizer: str | None = None,
    device: str | None = None,
    settings: Iterable[str] = (),
    limit: int | None = None,
    workers: int | None = None,
    listen: Listener = silence,
) -> dict[str, Any]:
    """What separation gives where several speak, and what it costs where one does, in words and in dB.

    The experiment of Raj et al. (2021), on a corpus as `compounding` reads it: no separation, overlap alone separated, and every
    second. `turns` are the `true` ones, so that separation alone is told, or those that are `found`.
    """
    if turns not in ("true", "found"):
        raise SepdiarError("SD202", f"true or found, not {turns!r}", where="turns")
    asked = Asked.by(recipe, config, settings, separator=separator, diarizer=diarizer, recognizer=recognizer, device=device)
    place = Path(out)
    truths = prepared(oracle_dir, layout, place / "truth", limit)
    chains = list(_chains(asked.chain, place / "truth" if turns == "true" else None))
    rows = compared(measured(asked, chains, truths, place / "recordings", workers, listen))
    protocol = [*PROTOCOL, f"turns: the {turns} ones"]
    results = {"protocol": protocol, **_collected(chains, rows, truths), **facts(asked.chain, truths)}
    write(place, results, list(sheets(results)), notes(results), "", "What separation gives in overlap, and costs outside it")
    return results


def _chains(base: Config, truths: Path | None) -> Iterator[Cell]:
    known = {"diarize.backend": ORACLE, f"diarize.oracle.{KNOWN['diarize']}": str(truths)} if truths else {}
    yield Cell(NOTHING, "no separation", {**known, "separate.backend": NOTHING, "separate.everywhere": False})
    name = str(base.values.get("separate.backend"))
    yield Cell("overlap alone", f"{name} where several speak", {**known, "separate.everywhere": False})
    yield Cell("every second", f"{name} everywhere", {**known, "separate.everywhere": True})


def _collected(chains: Sequence[Cell], rows: Mapping[str, Sequence[Scored]], truths: Sequence[Ready]) -> dict[str, Any]:
    figures = {name: drawn(own) for name, own in rows.items()}
    return {
        "published": PUBLISHED,
        "chains": [_chain(one, figures) for one in chains],
        "units": {key: asdict(SHOWN[key]) for key in FIGURES},
        "recordings": [
            {"name": truth.name, "counts": {name: dict(own[number].counts) for name, own in rows.items()}}
            for number, truth in enumerate(truths)
        ],
    }


def _chain(one: Cell, figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    own, none = figures[one.name], figures[NOTHING]
    return {
        "name": one.name,
        "about": one.about,
        "figures": {key: value_of(own[key]) for key in FIGURES},
        "gains": {key: value_of(-SHOWN[key].sign * (own[key] - none[key])) for key in FIGURES},
    }


def sheets(results: Mapping[str, Any]) -> Iterator[Sheet]:
    """The chains; what the two with separation gain; and the published figures."""
    there = [key for key in FIGURES if results["chains"][0]["figures"][key]["value"] is not None]
    heads = [title(results, key) for key in there]
    rows = [[one["name"], *(cell(one["figures"][key]) for key in there)] for one in results["chains"]]
    yield Sheet(f"where one speaks and where several do, {len(results['recordings'])} recordings", ["separated", *heads], rows)
    rows = [[one["name"], *(cell(one["gains"][key]) for key in there)] for one in results["chains"][1:]]
    yield Sheet("gain over no separation (above 0: for the better)", ["separated", *heads], rows)
    pairs = [[kind, *(f"{value:g}" for value in results["published"][kind])] for kind in ("clean", "overlap")]
    yield Sheet(f"published: {results['published']['source']}", ["cpWER, %", "no separation", "with a separator"], pairs)


def notes(results: Mapping[str, Any]) -> list[str]:
    """Markdown: the machine and the protocols."""
    on = results["machine"]
    about = (
        f"{results['seconds'] / 3600:.2f} hours; {chain_of(results)}. {on['date']}, on {on['processor']}, Python {on['python']}."
    )
    return [about, "", *(f"- {one}" for one in results["protocol"]), f"- published: {results['published']['protocol']}"]
