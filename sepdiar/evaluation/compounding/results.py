"""What `results.json` holds: the cells and the other ways with their figures, the costs and shares, and the counts under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.compounding import costs
from sepdiar.evaluation.compounding.cells import Cell
from sepdiar.evaluation.compounding.figures import DRAWS, SHOWN, Values, drawn, value_of
from sepdiar.evaluation.compounding.scores import KINDS, NORMALIZER, Scored, compared
from sepdiar.metrics.recognition import COLLAR, NORMALIZERS
from sepdiar.metrics.spoken import PROTOCOL as WORDS

PROTOCOL = (
    "each recording is mixed down to one channel (where the corpus has no such file) and goes through the chain with "
    "separation, diarization and recognition each the system's or the truth's: eight cells, their common parts once",
    "the truth as separation: in overlap the true tracks, each to the speaker found there who is most like theirs in time; as "
    "diarization: the true turns; as recognition: the true words, each on the channel on which one would hear it, so that words "
    "are lost where no turn is found, and are another's where a turn is",
    "the number of speakers is not told to the chain; a recording that it refuses counts as missed, all its words as deleted",
    "DER, JER: no collar, overlap scored, whole recordings; turns: segments of one speaker that touch are one; onsets, offsets: "
    "share of the true turns found with their edge within 50 or 200 ms; wrong speaker: of the turns in which anybody is heard, "
    "those whose time is mostly another's",
    "floor transfers: distance is the Wasserstein distance between the offsets of the true and of the recovered changes of "
    "speaker; backchannels: turns of at most 1 s within another's longer turn; medians over the turns of all recordings",
    "SI-SDR, SDR (512 taps): mean over channels, assigned once a dialogue, recordings with two tracks that no cell "
    "refuses; clean: where in truth the channel's speaker alone speaks; overlap: where both do; leakage: energy of a channel "
    "where only the other speaks, over that of the other",
    f"cpWER, tcpWER (collar {COLLAR:g} s), ORC-WER by meeteval, {NORMALIZERS[NORMALIZER][0]}",
    WORDS,
    "cost: how much worse a figure is than with the truth in every role, in the figure's own unit, above 0 for the worse; alone: "
    "one role the system's; given others: what the truth in that role alone would win back; share: Shapley value, the mean over "
    "all orders; only together: what is left of the total when what each costs alone is taken away",
    f"95 % intervals: bootstrap over recordings, {DRAWS} draws, the same for all cells, seed {bootstrap.SEED}",
)
Rows = Mapping[str, Sequence[Scored]]


def collected(
    roles: Sequence[str], cells: Sequence[Cell], ways: Sequence[Cell], rows: Rows, names: Sequence[str]
) -> dict[str, Any]:
    """Figures of every cell and way, and the costs between the cells; `rows` are by cell, recordings in the order of `names`."""
    scored = compared({cell.name: rows[cell.name] for cell in cells})
    for way in ways:
        scored |= compared({way.name: rows[way.name]})
    figures = {name: drawn(own) for name, own in scored.items()}
    games = {key: {cell.ours: one.sign * figures[cell.name][key] for cell in cells} for key, one in SHOWN.items()}
    found = {key: costs.costs(game, roles) for key, game in games.items() if _known(game)}
    return {
        "protocol": list(PROTOCOL),
        "roles": list(roles),
        "word_errors": list(KINDS),
        "cells": [{**_told(cell), "ours": sorted(cell.ours), "figures": _shown(figures[cell.name])} for cell in cells],
        "ways": [{**_told(way), "figures": _shown(figures[way.name])} for way in ways],
        "costs": {key: {name: value_of(one) for name, one in each.items()} for key, each in found.items()},
        "shares": {key: {role: value_of(each[f"shapley {role}"]) for role in roles} for key, each in found.items()},
        "interaction": {key: value_of(each["combined"]) for key, each in found.items()},
        "units": {key: asdict(shown) for key, shown in SHOWN.items()},
        "recordings": [_recording(name, number, cells, ways, rows) for number, name in enumerate(names)],
        "not_heard": sum(any(rows[cell.name][number].failure for cell in cells) for number in range(len(names))),
    }


def _known(game: Mapping[frozenset[str], Values]) -> bool:
    return all(not np.isnan(values[0]) for values in game.values())


def _told(cell: Cell) -> dict[str, str]:
    return {"name": cell.name, "about": cell.about}


def _shown(figures: Mapping[str, Values]) -> dict[str, Any]:
    return {key: value_of(values) for key, values in figures.items()}


def _recording(name: str, number: int, cells: Sequence[Cell], ways: Sequence[Cell], rows: Rows) -> dict[str, Any]:
    made = {cell.name: rows[cell.name][number] for cell in (*cells, *ways)}
    return {
        "name": name,
        "counts": {cell: {key: round(value, 6) for key, value in row.heard.counts.items()} for cell, row in made.items()},
        "failures": {cell: row.failure for cell, row in made.items() if row.failure},
    }
