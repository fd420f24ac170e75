"""Two voices at once, apart: `python -m sepdiar.evaluation.mixtures --speech MANIFEST --cache DIR`.

Pairs of speakers never trained on, in full overlap, the second -5 to 5 dB against the first, at most 8 s: improvement of the
SI-SDR over the mixture, mean of both sources in the better order. Noise is shared between the two sources, rooms are part of
them: a separator whose outputs add up to the mixture can do no better. One talker alone: the SI-SDR of the louder output, and
how far below it the other is. Intervals (95 %) are a bootstrap over pairs. A model is one of ours by name, or a file.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import nn

from sepdiar.audio.source import Samples
from sepdiar.evaluation.bootstrap import mean
from sepdiar.evaluation.command import command, material, of_speech
from sepdiar.networks import weights
from sepdiar.networks.views import VIEWS, Views
from sepdiar.training import augment
from sepdiar.training.corpus import RATE
from sepdiar.training.separation import development, evaluate, si_sdr

SEED = 11
NOISE = -15.0  # dB against the mixture
TELEPHONE = 3400.0  # Hz

Change = Callable[[Samples, Generator], Samples]


def changes(noises: Sequence[Samples], rooms: Sequence[Samples]) -> dict[str, Change]:
    """What is done to the sources of each condition."""

    def noisy(sources: Samples, rng: Generator) -> Samples:
        count = sources.shape[1]
        if noises:
            noise = noises[int(rng.integers(len(noises)))]
            noise = np.resize(noise[rng.integers(max(1, len(noise) - count)) :], count)
        else:
            noise = augment.coloured(count, 3.0, rng)
        level = np.sqrt(np.mean(sources.sum(0) ** 2) / (np.mean(noise**2) + 1e-9)) * augment.gain(NOISE)
        made: Samples = sources + (noise * level / 2).astype(np.float32)
        return made

    def in_room(sources: Samples, rng: Generator) -> Samples:
        places = [rooms[i] for i in rng.choice(len(rooms), 2)] if rooms else [augment.response(rng) for _ in sources]
        return np.stack([augment.heard_in(source, place) for source, place in zip(sources, places, strict=True)])

    return {
        "clean": lambda sources, _: sources,
        "noisy": noisy,
        "room": in_room,
        "telephone": lambda sources, _: augment.low_pass(sources, TELEPHONE),
    }


@torch.inference_mode()
def alone(network: nn.Module, talkers: Sequence[Samples]) -> dict[str, Any]:
    """One talker at a time, in dB: what is kept of him, how quiet the other output is; and the share with 25 dB of both."""
    kept, below = [], []
    for talker in talkers:
        source = torch.from_numpy(talker)
        outputs = network(source[None])[0]
        power = outputs.square().mean(1)
        louder = int(power.argmax())
        kept.append(float(si_sdr(outputs[louder], source)))
        below.append(float(10 * torch.log10(power[louder] / (power[1 - louder] + 1e-12))))
    share = float(np.mean([min(pair) >= 25 for pair in zip(kept, below, strict=True)]))
    return {"si_sdr": mean(kept), "other_below": mean(below), "both_25_db": round(share, 3)}


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table as JSON."""
    parser = of_speech("mixtures", __doc__)
    parser.add_argument("--pairs", type=int, default=200, help="of each condition")
    parser.add_argument("--model", default="compact-separation")
    parser.add_argument(
        "--views", type=int, default=3, choices=range(1, len(VIEWS) + 1), help="of each mixture, as the backend has it"
    )
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    corpus, noises, rooms = material(asked)
    pairs = development(corpus, asked.pairs, SEED)
    network = Views(weights.named(asked.model), asked.views)
    found: dict[str, Any] = {}
    began, seconds = time.process_time(), 0.0
    for name, change in changes(noises, rooms).items():
        rng = np.random.default_rng(SEED)
        made = evaluate(network, [change(pair.sources, rng) for pair in pairs])
        found[name] = mean(made)
        seconds += sum(pair.sources.shape[1] for pair in pairs) / RATE
        if name == "clean":
            with asked.speech.open(newline="", encoding="utf-8") as rows:
                sex = {row["utt"]: row.get("gender", "") for row in csv.DictReader(rows, delimiter="\t")}
            alike = [sex[pair.one.id] == sex[pair.two.id] for pair in pairs]
            for kind, wanted in (("clean, same sex", True), ("clean, other sex", False)):
                if chosen := [value for value, same in zip(made, alike, strict=True) if same == wanted]:
                    found[kind] = mean(chosen)
    speed = seconds / (time.process_time() - began)
    found["alone"] = alone(network, [pair.sources[0] for pair in pairs])
    print(
        json.dumps(
            {"pairs": asked.pairs, "views": asked.views, "times_real_time": round(speed, 1), "improvement_db": found}, indent=2
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
