"""The function behind `sepdiar eval overlap`: what separation gives where several speak, and what it costs where one does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sepdiar.config import Config, words_to_keys
from sepdiar.config import setting as parsed
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import machine
from sepdiar.evaluation.compounding.cells import KNOWN, ORACLE, Cell
from sepdiar.evaluation.compounding.figures import DRAWS, SHOWN, drawn
from sepdiar.evaluation.compounding.measure import PACKAGES, Asked, measured, prepared
from sepdiar.evaluation.compounding.results import value_of
from sepdiar.evaluation.embedded.sheets import cell
from sepdiar.evaluation.page import Sheet, write
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
    named = words_to_keys(separator=separator, diarizer=diarizer, recognizer=recognizer, device=device)
    asked = Asked(str(recipe) if recipe else None, str(config) if config else None, named | dict(map(parsed, settings)))
    place = Path(out)
    truths = prepared(oracle_dir, layout, place / "truth", limit)
    base = asked.of(Cell("system", "", {}))
    chains = list(_chains(base, place / "truth" if turns == "true" else None))
    rows = measured(asked, chains, truths, place / "recordings", workers, listen)
    heard = [all(not rows[one.name][number].failure for one in chains) for number in range(len(truths))]
    kept = {name: [row.heard if there else row for row, there in zip(own, heard, strict=True)] for name, own in rows.items()}
    figures = {name: drawn(own) for name, own in kept.items()}
    results: dict[str, Any] = {
        "protocol": [*PROTOCOL, f"turns: the {turns} ones"],
        "published": PUBLISHED,
        "chains": [_chain(one, figures) for one in chains],
        "units": {key: {"title": SHOWN[key].title, "unit": SHOWN[key].unit, "better": SHOWN[key].better} for key in FIGURES},
        "recordings": [
            {"name": truth.name, "counts": {name: dict(own[number].counts) for name, own in kept.items()}}
            for number, truth in enumerate(truths)
        ],
        "machine": machine.facts(PACKAGES),
        "settings": {key: value for key, value in base.values.items() if key != "about"},
        "seconds": round(sum(truth.true.recording.seconds for truth in truths), 3),
        "cases": [],
    }
    write(place, results, list(sheets(results)), notes(results), "", "What separation gives in overlap, and costs outside it")
    return results


def _chains(base: Config, truths: Path | None) -> Iterator[Cell]:
    known = {"diarize.backend": ORACLE, f"diarize.oracle.{KNOWN['diarize']}": str(truths)} if truths else {}
    yield Cell(NOTHING, "no separation", {**known, "separate.backend": NOTHING, "separate.everywhere": False})
    name = str(base.values.get("separate.backend"))
    yield Cell("overlap alone", f"{name} where several speak", {**known, "separate.everywhere": False})
    yield Cell("every second", f"{name} everywhere", {**known, "separate.everywhere": True})


def _chain(one: Cell, figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    own, none = figures[one.name], figures[NOTHING]
    sign = {key: -1 if SHOWN[key].better == "less" else 1 for key in FIGURES}
    return {
        "name": one.name,
        "about": one.about,
        "figures": {key: value_of(own[key]) for key in FIGURES},
        "gains": {key: value_of(sign[key] * (own[key] - none[key])) for key in FIGURES},
    }


def sheets(results: Mapping[str, Any]) -> Iterator[Sheet]:
    """The chains; what the two with separation gain; and the published figures."""
    there = [key for key in FIGURES if results["chains"][0]["figures"][key]["value"] is not None]
    heads = [f"{results['units'][key]['title']}, {results['units'][key]['unit']}" for key in there]
    rows = [[one["name"], *(cell(one["figures"][key]) for key in there)] for one in results["chains"]]
    yield Sheet(f"where one speaks and where several do, {len(results['recordings'])} recordings", ["separated", *heads], rows)
    rows = [[one["name"], *(cell(one["gains"][key]) for key in there)] for one in results["chains"][1:]]
    yield Sheet("gain over no separation (above 0: for the better)", ["separated", *heads], rows)
    pairs = [[kind, *(f"{value:g}" for value in results["published"][kind])] for kind in ("clean", "overlap")]
    yield Sheet(f"published: {results['published']['source']}", ["cpWER, %", "no separation", "with a separator"], pairs)


def notes(results: Mapping[str, Any]) -> list[str]:
    """Markdown: the machine and the protocols."""
    facts = results["machine"]
    chain = ", ".join(f"{key} {value}" for key, value in results["settings"].items() if key.endswith(".backend"))
    about = f"{results['seconds'] / 3600:.2f} hours; {chain}. {facts['date']}, on {facts['processor']}, Python {facts['python']}."
    return [about, "", *(f"- {one}" for one in results["protocol"]), f"- published: {results['published']['protocol']}"]
