"""How well voices are told apart: `python -m sepdiar.evaluation.voices --speech MANIFEST --cache DIR --model compact-embedding`.

For every model the equal error rate of comparing two stretches of a recording, and how often the stretches of two speakers
fall apart into two heaps without an error; where the manifest has a column `corpus`, only within a corpus. The second model and
those after it are compared with the first on the same stretches. Intervals (95 %) are a bootstrap over speakers. A model is one
of ours by name, a file of weights, `cepstra` (mean and spread of cepstra, as a floor), `campplus` (a public one, to be pulled) or
`resemblyzer` (another; the package of that name must be installed).
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.command import command, material, of_speech
from sepdiar.evaluation.trials import Embed, Groups, Pairs, Trials, Vectors, embedder, equal_error, separated
from sepdiar.networks import weights
from sepdiar.networks.campplus import Voices
from sepdiar.training.corpus import RATE

DRAWS = 200  # an error rate takes its time
Figure = Callable[[NDArray[np.float64] | None], float]


def model(name: str) -> Embed:
    """What makes vectors of stretches, by its name or file."""
    if name == "resemblyzer":
        return resemblyzer()
    if name == "cepstra":
        return cepstra
    if name == "campplus":
        return embedder(Voices().network)
    return embedder(weights.named(name))


def cepstra(samples: Samples) -> Vectors:
    """Mean and spread of 19 mel cepstra over the louder half of the frames: no model at all."""
    from scipy.fft import dct

    from sepdiar.networks.voice import HOP, SIZE, WINDOW, mel

    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=1)[:, ::HOP] * np.hanning(WINDOW).astype(np.float32)
    energy = np.log(np.abs(np.fft.rfft(frames, SIZE)) ** 2 @ mel(40).numpy() + 1e-8)
    loud = energy.mean(2) >= np.median(energy.mean(2), axis=1, keepdims=True)
    own = [dct(row[keep], norm="ortho")[:, 1:20] for row, keep in zip(energy, loud, strict=True)]
    made = np.stack([np.concatenate([part.mean(0), part.std(0)]) for part in own])
    made = (made - made.mean(0)) / (made.std(0) + 1e-6)  # over all stretches of the recording
    unit: Vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit


def resemblyzer() -> Embed:
    """The public model: three LSTM layers on 1.6 s; shorter stretches as they are, longer ones as the package does it."""
    try:
        from resemblyzer import VoiceEncoder  # type: ignore[import-not-found]
        from resemblyzer.audio import normalize_volume, wav_to_mel_spectrogram  # type: ignore[import-not-found]
    except ImportError as error:
        raise SepdiarError("SD251", str(error), where="resemblyzer", hint="pip install resemblyzer 'setuptools<81'") from error
    encoder = VoiceEncoder("cpu", verbose=False)

    @torch.inference_mode()
    def embed(samples: Samples) -> Vectors:
        level = [normalize_volume(row, -30, increase_only=True) for row in samples]
        if samples.shape[1] > 1.6 * RATE:
            return np.stack([encoder.embed_utterance(row) for row in level])
        pictures = torch.from_numpy(np.stack([wav_to_mel_spectrogram(row) for row in level]))
        return np.concatenate([encoder(pictures[at : at + 64]).numpy() for at in range(0, len(pictures), 64)])

    return embed


def measure(trials: Trials, embed: Embed) -> dict[str, Figure]:
    """Each figure of a model, as a function of how often each speaker counts."""
    figures: dict[str, Figure] = {}
    for name, trial in trials.stretches.items():
        figures[f"eer, {name}"] = _error_of(trial.pairs(embed))
    for name, trial in trials.groups.items():
        groups = trial.groups(embed)
        figures[f"pairs apart, {name}"] = _apart(groups)
        figures[f"stretches wrong, {name}"] = _wrong(groups)
    return figures


def _error_of(pairs: Pairs) -> Figure:
    return lambda times: equal_error(pairs, times)


def _apart(groups: Groups) -> Figure:
    return lambda times: separated(groups, times).perfect


def _wrong(groups: Groups) -> Figure:
    return lambda times: separated(groups, times).wrong


def table(models: Mapping[str, Mapping[str, Figure]], draws: NDArray[np.float64]) -> dict[str, Any]:
    """Every figure of every model with its interval, and what each model has more than the first."""
    rows: dict[str, Any] = {}
    first = next(iter(models))
    for figure in models[first]:
        drawn = {name: np.array([figures[figure](times) for times in draws]) for name, figures in models.items()}
        rows[figure] = {
            name: {"value": round(figures[figure](None), 4), "interval": bootstrap.interval(drawn[name])}
            | ({"more_than_first": bootstrap.interval(drawn[name] - drawn[first])} if name != first else {})
            for name, figures in models.items()
        }
    return rows


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table as JSON."""
    parser = of_speech("voices", __doc__)
    parser.add_argument("--model", action="append", required=True)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    corpus, noises, rooms = material(asked)
    with asked.speech.open(encoding="utf-8", newline="") as file:
        corpora = {row["speaker"]: row.get("corpus") or "" for row in csv.DictReader(file, delimiter="\t")}
    trials = Trials.of(corpus, noises, rooms, corpora=corpora)
    every = (*trials.stretches.values(), *trials.groups.values())
    seconds = sum(part.samples.size for trial in every for part in trial.recordings) / RATE
    models, speed = {}, {}
    for name in asked.model:
        embed, began = model(name), time.process_time()
        models[name] = measure(trials, embed)
        speed[name] = round(seconds / (time.process_time() - began), 1)
    people = len(trials.speakers)
    figures = table(models, bootstrap.drawn(people, DRAWS))
    result = {"speakers": people, "seconds": round(seconds), "times_real_time": speed, "figures": figures}
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
