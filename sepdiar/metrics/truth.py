"""A run against what is true: every score at once, for recordings that were simulated or recorded one speaker a channel."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sepdiar.audio.source import Audio, Within
from sepdiar.conversation import Conversation, Span, Turn
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_conversation
from sepdiar.formats.segments import TICKS, Segment, of_conversation
from sepdiar.metrics.diarization import diarization_error
from sepdiar.metrics.recognition import word_error
from sepdiar.metrics.result import Result
from sepdiar.metrics.separation import pooled, separation
from sepdiar.metrics.sides import open_audio, open_tracks
from sepdiar.metrics.turns import turn_taking
from sepdiar.store.items import VALUE, whole


@dataclass(frozen=True)
class Pair:
    """An item of a run and the truth of its recording, each with the folder its tracks' files lie in."""

    made: Conversation
    item: Path
    true: Conversation
    folder: Path

    def segments(self) -> tuple[list[Segment], list[Segment]]:
        """Truth and what was found, as one session."""
        name = self.made.recording.id
        return [replace(one, session=name) for one in of_conversation(self.true)], list(of_conversation(self.made))


@dataclass(frozen=True)
class Side:
    """A dialogue of an item, `span` of its recording: its two channels, the true ones, and who speaks in them."""

    name: str
    span: Span
    reference: Audio
    hypothesis: Audio
    turns: list[Segment]


def against_truth(run: str | Path, truth: str | Path) -> dict[str, Result]:
    """The scores `der`, `turns`, `separation` and `wer` of a run's finished items against their truth, recordings added up.

    `truth` holds a `conversation.json` for each recording, at any depth, and beside it the files of its tracks, as
    `simulate` writes them. Truth belongs to an item if the recording's SHA-256 is the same, or else its id. DER is without
    collar, over the whole recording, overlap scored; `wer` is cpWER with the normalizer `basic`. `separation` is missing where
    no truth has audio for two, `wer` where a side has no words or meeteval is not installed. SD601: no item has a truth.
    """
    pairs = list(_pairs(Path(run), Path(truth)))
    if not pairs:
        raise SepdiarError("SD601", f"no item of {run} has a truth in {truth}")
    sides = [pair.segments() for pair in pairs]
    ours, theirs = ([one for side in sides for one in side[which]] for which in (0, 1))
    whole = {pair.made.recording.id: [_extent(pair.true)] for pair in pairs}
    scores = {"der": diarization_error(ours, theirs, uem=whole), "turns": turn_taking(ours, theirs)}
    channels = {
        side.name: separation(side.reference, side.hypothesis, turns=side.turns, name=side.name)
        for pair in pairs
        for side in dialogues(pair)
    }
    if channels:
        scores["separation"] = pooled(channels)
    if importlib.util.find_spec("meeteval") and all(any(one.words for one in side) for side in (ours, theirs)):
        scores["wer"] = word_error(ours, theirs, normalizer="basic")
    return scores


def _pairs(run: Path, truth: Path) -> Iterator[Pair]:
    known: dict[str, tuple[Conversation, Path]] = {}
    for file in sorted(truth.rglob("conversation.json")):
        true = read_conversation(file)
        for key in (true.recording.id, true.recording.sha256):
            known.setdefault(key, (true, file.parent))
    for file in (item / VALUE for item in whole(run)):
        made = read_conversation(file)
        found = known.get(made.recording.sha256) or known.get(made.recording.id)
        if found:
            yield Pair(made, file.parent, *found)


def dialogues(pair: Pair) -> Iterator[Side]:
    """Each dialogue of an item beside the same span of the truth's tracks; none where the truth has no audio for two."""
    tracks = tuple(sorted(pair.true.tracks, key=lambda track: (track.file, track.channel)))
    if len(tracks) != 2:
        return
    reference = open_tracks(replace(pair.true, tracks=tracks), pair.folder)
    for name, span in {track.file: track.span for track in pair.made.tracks}.items():
        session = f"{pair.made.recording.id}/{name}"
        turns = [one for turn in pair.true.turns for one in _cut(turn, span, session, reference.rate)]
        yield Side(session, span, Within(reference, span), open_audio(pair.item / name), turns)


def _cut(turn: Turn, span: Span, session: str, rate: int) -> Iterator[Segment]:
    if heard := turn.span & span:
        yield Segment(session, turn.speaker, heard.shift(-span.start).at_rate(rate, TICKS))


def _extent(true: Conversation) -> Span:
    return Span(0, true.recording.samples).at_rate(true.recording.rate, TICKS)
