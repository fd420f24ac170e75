"""What is heard on the two channels of a dialogue, against its truth: counts that add over recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sepdiar.audio.source import Audio, RawAudio, Within, blocks
from sepdiar.conversation import Span, Track, intersected, merged, outside
from sepdiar.errors import SepdiarError
from sepdiar.formats.segments import speech
from sepdiar.metrics.result import Counts
from sepdiar.metrics.separation import separation
from sepdiar.metrics.sides import open_audio
from sepdiar.metrics.swaps import swaps
from sepdiar.metrics.truth import Pair, Side


def heard(pair: Pair, side: Side, filtered: bool = False) -> Iterator[Counts]:
    """What is heard on the two channels of a dialogue; the SDR with a filter too, where that is wanted."""
    mixed = Within(open_audio(pair.folder / pair.true.recording.path), side.span)
    with TemporaryDirectory() as scratch:
        files = (Path(scratch) / name for name in ("mixture", "true", "made"))
        mixture, true, made = map(unpacked, (mixed, side.reference, side.hypothesis), files)
        side = replace(side, reference=true, hypothesis=made)
        try:
            found = separation(true, made, turns=side.turns, mixture=mixture, name=side.name, filtered=filtered)
        except SepdiarError as error:
            if error.code != "SD602":  # nobody speaks in what was taken for a dialogue
                raise
            return
        yield found.counts
        yield swaps(true, made, turns=side.turns, name=side.name).counts
        yield _same(side, mixture, _copied(pair, side), "copied")
        order = [int(row["hypothesis_channel"]) for row in found.figures["channels"]]
        yield _same(side, mixture, _alone(pair, side, order), "clean")


def unpacked(audio: Audio, path: Path) -> Audio:
    """The same as plain samples on disk, which are read by short stretches much faster than FLAC is."""
    with path.open("wb") as file:
        for _, frames in blocks(audio):
            file.write(np.ascontiguousarray(frames).data)
    return RawAudio(path, audio.rate, audio.samples, audio.channels, audio.bits)


def _same(side: Side, mixture: Audio, places: Mapping[int, Sequence[Span]], name: str) -> dict[str, float]:
    """Of the samples of some places of each channel, how many there are, and how many are not those of the input."""
    samples = changed = 0
    for channel, spans in places.items():
        for span in spans:
            for part, frames in blocks(mixture, span):
                samples += len(part)
                changed += int((side.hypothesis.read(part)[:, channel] != frames[:, 0]).sum())
    return {f"{name}_samples": float(samples), f"{name}_changed": float(changed)}


def _copied(pair: Pair, side: Side) -> dict[int, list[Span]]:
    """For each channel what is said to be copied, on the clock of the dialogue."""
    tracks: dict[int, Track] = {track.channel: track for track in pair.made.tracks if track.file == side.name.rpartition("/")[2]}
    return {
        channel: [stretch.span.shift(-side.span.start) for stretch in track.stretches if stretch.origin == "copied"]
        for channel, track in tracks.items()
    }


def _alone(pair: Pair, side: Side, order: Sequence[int]) -> dict[int, list[Span]]:
    """For each channel where in truth its speaker alone speaks, on the clock of the dialogue."""
    spoken = speech(pair.true.turns)
    places = {}
    for number, track in enumerate(sorted(pair.true.tracks, key=lambda track: (track.file, track.channel))):
        others = merged(span for name, spans in spoken.items() if name != track.speaker for span in spans)
        alone = intersected(spoken.get(track.speaker, ()), outside(side.span, others))
        places[order[number]] = [span.shift(-side.span.start) for span in alone]
    return places
