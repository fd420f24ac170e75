"""How many words a recogniser gets wrong: `python -m sepdiar.evaluation.recognizer --speech MANIFEST`.

Each utterance of the manifest is recognised alone; the interval is a bootstrap over speakers.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from sepdiar import registry
from sepdiar.asr import Recognizer
from sepdiar.audio.source import ArrayAudio, at_rate
from sepdiar.config import setting
from sepdiar.conversation import Span
from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.command import command
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics.recognition import word_error
from sepdiar.metrics.result import Counts
from sepdiar.simulation.manifest import Utterance, choose


def recognised(recognizer: Recognizer, utterance: Utterance) -> tuple[str, float]:
    """The words that it hears in an utterance (the first channel of its file), and how many seconds that lasts."""
    frames, rate = soundfile.read(utterance.file, dtype="float32", always_2d=True)
    with TemporaryDirectory() as scratch:
        audio = at_rate(ArrayAudio(frames[:, 0], rate), recognizer.rate, Path(scratch) / "audio")
        words = recognizer.transcribe(audio, [Span(0, audio.samples)])
    return " ".join(word.text for word in words), len(frames) / rate


def evaluate(recognizer: Recognizer, utterances: Sequence[Utterance]) -> dict[str, Any]:
    """The word error rate with its counts, protocol and 95 % interval, and processor seconds a second of audio."""
    began, seconds = time.process_time(), 0.0
    reference, hypothesis = [], []
    for utterance in utterances:
        words, length = recognised(recognizer, utterance)
        seconds += length
        span = Span(0, round(length * TICKS))
        reference.append(Segment(utterance.id, utterance.speaker, span, utterance.text))
        hypothesis.append(Segment(utterance.id, utterance.speaker, span, words))
    result = word_error(reference, hypothesis, normalizer="basic")
    speaker = {utterance.id: utterance.speaker for utterance in utterances}
    counts = {name: one.counts for name, one in result.per_session.items()}
    return {
        "wer": result.value,
        "interval": interval(counts, speaker),
        "counts": dict(result.counts),
        "protocol": f"{result.protocol}; 95 % interval: bootstrap over speakers, {bootstrap.DRAWS} draws",
        "utterances": len(utterances),
        "speakers": len(set(speaker.values())),
        "seconds": round(seconds, 1),
        "processor_seconds_a_second": round((time.process_time() - began) / seconds, 3),
    }


def interval(counts: Mapping[str, Counts], speaker: Mapping[str, str]) -> tuple[float, float]:
    """Where 95 % of the error rates lie when the speakers are drawn again, with replacement.

    >>> interval({"1": {"errors": 1, "length": 4}, "2": {"errors": 2, "length": 8}}, {"1": "A", "2": "B"})
    (0.25, 0.25)
    """
    people = sorted(set(speaker.values()))
    sums = np.zeros((len(people), 2))
    for name, own in counts.items():
        sums[people.index(speaker[name])] += own["errors"], own["length"]
    errors, lengths = (bootstrap.drawn(len(people)) @ sums).T
    return bootstrap.interval(errors / lengths)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the result as JSON."""
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.recognizer", description=__doc__)
    parser.add_argument("--speech", type=Path, required=True, help="manifest (TSV) with utt, speaker, file and text")
    parser.add_argument("--root", type=Path, help="the folder that its files are relative to; default: its own")
    parser.add_argument("--split", help="only this split of it")
    parser.add_argument("--every", type=int, default=1, help="only each n-th utterance that has a text")
    parser.add_argument("--recognizer", default="pocketsphinx")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="a setting of it")
    asked = parser.parse_args(arguments)
    recognizer = registry.make("recognizer", asked.recognizer, dict(setting(text) for text in asked.settings))
    told = [utterance for utterance in choose(asked.speech, root=asked.root, split=asked.split) if utterance.text]
    print(json.dumps({"recognizer": asked.recognizer, "settings": asked.settings, **evaluate(recognizer, told[:: asked.every])}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
