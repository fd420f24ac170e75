"""Two voices at once, apart: `python -m sepdiar.evaluation.mixtures --speech MANIFEST --cache DIR`.

Pairs of speakers never trained on, in full overlap, the second -5 to 5 dB against the first, at most 8 s: improvement of the
SI-SDR over the mixture, mean of both sources in the better order. Noise is shared between the two sources, and so is what a
codec changes, where each is loud; rooms are part of them: a separator whose outputs add up to the mixture can do no better.
One talker alone: the SI-SDR of the louder output, and how far below it the other is. Intervals (95 %) are a bootstrap over
pairs. A model is one of ours by name, or a file. With --test-speakers N, the N of dev that a recipe's data.test_speakers holds
back have figures of their own. With --call FILE, a recording with one speaker a channel, there is a row of stretches of the
one over stretches of the other, from another moment: the voices and the line of a real call. With --beside MODEL, each row
also says what that one gets, and by how much it is surpassed.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import nn

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.bootstrap import mean
from sepdiar.evaluation.command import command, material, of_speech
from sepdiar.networks import weights
from sepdiar.networks.views import VIEWS, Views
from sepdiar.simulation.speech import channels_of
from sepdiar.training import augment
from sepdiar.training.corpus import RATE, held_back
from sepdiar.training.lines import AMR, CALLED, OPUS, Line
from sepdiar.training.separation import Pair, development, evaluate, si_sdr

SEED = 11
NOISE = -15.0  # dB against the mixture
TELEPHONE = 3400.0  # Hz
LINES = {
    "8 kHz": Line(-120, 3800),  # the same without a line: the upper edge of any recording at that rate
    "call, mu-law": CALLED,
    "call, AMR 12.2": Line(300, 3400, AMR, 12200),
    "call, Opus 12": Line(300, 3400, OPUS, 12000),
}
BY_SEX = ("clean", "call, mu-law")

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

    def called(sources: Samples, _: Generator, line: Line) -> Samples:
        return line.carry(sources)

    return {
        "clean": lambda sources, _: sources,
        "noisy": noisy,
        "room": in_room,
        "telephone": lambda sources, _: augment.low_pass(sources, TELEPHONE),
        **{name: partial(called, line=line) for name, line in LINES.items()},
    }


def over_each_other(call: Path, count: int) -> list[Samples]:
    """Stretches of 6 s of the two channels of a recording, each spoken in half of the time or more, (2, samples) from two
    moments; the second -5 to 5 dB against the first. Always the same."""
    size, frame = 6 * RATE, RATE // 50
    channels = channels_of(call, RATE).T[:2]
    spoken: list[list[Samples]] = []
    for channel in channels:
        level = np.square(channel[: len(channel) // frame * frame]).reshape(-1, frame).mean(1)
        active = level > np.percentile(level, 99) * 1e-3
        spoken.append(
            [
                channel[at : at + size]
                for at in range(0, len(channel) - size, RATE)
                if active[at // frame :][: size // frame].mean() > 0.5
            ]
        )
    if len(channels) < 2 or not all(spoken):
        raise SepdiarError("SD206", "no two channels with six seconds of speech each", where=str(call))
    rng = np.random.default_rng(SEED)
    pairs = []
    for _ in range(count):
        pair = np.stack([found[int(rng.integers(len(found)))] for found in spoken])
        pair /= np.sqrt(np.mean(pair**2, axis=1, keepdims=True)) * np.float32(18)
        pair[1] *= augment.gain(rng.uniform(-5, 5))
        pairs.append(pair)
    return pairs


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


def improvements(
    network: nn.Module, pairs: Sequence[Pair], conditions: Mapping[str, Change], sex: Mapping[str, str]
) -> dict[str, list[float]]:
    """Of each condition the improvement of every pair, in dB; of some also of those of one `sex` and of two (by utterance)."""
    found: dict[str, list[float]] = {}
    for name, change in conditions.items():
        rng = np.random.default_rng(SEED)
        found[name] = made = evaluate(network, [change(pair.sources, rng) for pair in pairs])
        if name in BY_SEX:
            alike = [sex[pair.one.id] == sex[pair.two.id] for pair in pairs]
            for kind, wanted in (("same sex", True), ("other sex", False)):
                if chosen := [value for value, same in zip(made, alike, strict=True) if same == wanted]:
                    found[f"{name}, {kind}"] = chosen
    return found


def means(found: Mapping[str, list[float]], beside: Mapping[str, list[float]] | None = None) -> dict[str, Any]:
    """The mean of each condition; where there is another model, its mean too, and by how much it is surpassed, pair by pair."""
    made = {name: mean(values) for name, values in found.items()}
    for name, values in (beside or {}).items():
        more = [value - other for value, other in zip(found[name], values, strict=True)]
        made[name] |= {"beside": mean(values), "difference": mean(more)}
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table as JSON."""
    parser = of_speech("mixtures", __doc__)
    parser.add_argument("--pairs", type=int, default=200, help="of each condition")
    parser.add_argument("--model", default="compact-separation")
    parser.add_argument("--beside", metavar="MODEL", help="another one, on the same mixtures")
    parser.add_argument("--only", nargs="+", metavar="CONDITION", help="of all conditions these")
    parser.add_argument("--test-speakers", type=int, default=0, metavar="N", help="so many with figures of their own")
    parser.add_argument("--call", type=Path, help="a recording with one speaker a channel")
    parser.add_argument(
        "--views", type=int, default=3, choices=range(1, len(VIEWS) + 1), help="of each mixture, as the backend has it"
    )
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    corpus, noises, rooms = material(asked)
    conditions = changes(noises, rooms)
    if unknown := sorted(set(asked.only or ()) - set(conditions)):
        raise SepdiarError("SD202", f"no condition {unknown[0]!r}; there are: {', '.join(conditions)}", where="--only")
    conditions = {name: change for name, change in conditions.items() if name in (asked.only or conditions)}
    network, *more = (Views(weights.named(model), asked.views) for model in (asked.model, asked.beside) if model)
    with asked.speech.open(newline="", encoding="utf-8") as rows:
        sex = {row["utt"]: row.get("gender", "") for row in csv.DictReader(rows, delimiter="\t")}

    def measured(pairs: Sequence[Pair]) -> dict[str, Any]:
        return means(*(improvements(one, pairs, conditions, sex) for one in (network, *more)))

    others, test = held_back(corpus, asked.test_speakers)
    pairs = development(others, asked.pairs, SEED)
    found = measured(pairs)
    if asked.call:
        call = over_each_other(asked.call, asked.pairs)
        found |= means(*({"recorded call": evaluate(one, call)} for one in (network, *more)))
    began = time.process_time()
    found["alone"] = alone(network, [pair.sources[0] for pair in pairs])
    speed = sum(pair.sources.shape[1] for pair in pairs) / RATE / (time.process_time() - began)
    made = {"pairs": asked.pairs, "views": asked.views, "times_real_time": round(speed, 1), "improvement_db": found}
    if test.clips:
        made["test_speakers"] = {
            "speakers": list(test.speakers),
            "improvement_db": measured(development(test, asked.pairs, SEED)),
        }
    print(json.dumps(made, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
