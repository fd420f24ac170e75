"""Who speaks when, window by window: `python -m sepdiar.evaluation.segments --speech MANIFEST --cache DIR`.

Windows as long as the diarizer's, of dialogues of two, drawn as in training, of speakers that are not in it. For each condition
the diarization error in the best order of the window's speakers (no collar, overlap counts), what it is made of, and the share of
turns with their onset within 50 ms. Intervals (95 %) are a bootstrap over windows. A model is one of ours by name, or a file.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sepdiar.diarization.compact import LENGTH
from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.command import command, material, of_speech
from sepdiar.networks import weights
from sepdiar.training.corpus import RATE
from sepdiar.training.segmentation import CLEAN, CONDITIONS, development, errors, pooled

SEED = 0
HARDER = {
    "clean, 10 % overlap": replace(CLEAN, overlap=(0.1, 0.1)),
    "clean, 20 % overlap": CLEAN,
    "clean, 40 % overlap": replace(CLEAN, overlap=(0.4, 0.4)),
    "noisy, 20 % overlap": replace(CONDITIONS["noisy"], measured=1.0),
    "room, 20 % overlap": replace(CONDITIONS["room"], measured=1.0),
}


def intervals(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Every figure of the windows together, and where it lies for 95 % of draws of as many windows."""
    whole = pooled(rows)
    sums = bootstrap.drawn(len(rows)) @ np.array([[row[key] for key in rows[0]] for row in rows])
    draws = [pooled([dict(zip(rows[0], row, strict=True))]) for row in sums.tolist()]
    return {
        name: {"value": round(value, 4), "interval": bootstrap.interval(np.array([draw[name] for draw in draws]))}
        for name, value in whole.items()
    }


@command
@torch.inference_mode()
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table as JSON."""
    parser = of_speech("segments", __doc__)
    parser.add_argument("--windows", type=int, default=200, help="of each condition")
    parser.add_argument("--seconds", type=float, default=LENGTH, help="of each window")
    parser.add_argument("--model", default="compact-segmentation")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    corpus, noises, rooms = material(asked)
    network = weights.named(asked.model)
    table, seconds, spent = {}, 0.0, 0.0
    for name, drawing in HARDER.items():
        windows = development(corpus, replace(drawing, seconds=asked.seconds), asked.windows, SEED, noises, rooms)
        began = time.process_time()
        made = [network(torch.from_numpy(window.samples)[None])[0] for window in windows]
        spent += time.process_time() - began
        seconds += sum(len(window.samples) for window in windows) / RATE
        table[name] = intervals([errors(window, chances) for window, chances in zip(windows, made, strict=True)])
    result = {"windows": asked.windows, "seconds": asked.seconds, "speakers": len(corpus.speakers)}
    result["times_real_time"] = round(seconds / spent, 1)
    print(json.dumps({**result, "figures": table}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
