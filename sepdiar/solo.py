"""One recording on its way through a part of the chain, in this process, in a folder that is gone afterwards."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from sepdiar.audio.inputs import content_hash
from sepdiar.audio.source import BLOCK, blocks
from sepdiar.config import Config, resolve, setting
from sepdiar.conversation import Conversation, Recording, Span, Track
from sepdiar.errors import SepdiarError, from_os_error
from sepdiar.events import Listener
from sepdiar.pipeline import Pipeline, Take
from sepdiar.store.disk import refuse_overwriting


def configured(recipe: str | Path | None, config: str | Path | None, flags: Mapping[str, Any], settings: Iterable[str]) -> Config:
    """The configuration that options of the command line ask for."""
    return resolve(recipe, file=Path(config) if config else None, flags={**flags, **dict(map(setting, settings))})


def split(config: Config, first: str, last: str) -> tuple[Pipeline, Pipeline]:
    """The chain up to the stage `first`, and on from there to `last`; SD204 where it has no such stages in that order."""
    chain: Sequence[str] = config.values["chain"]
    for stage in (first, last):
        if stage not in chain:
            raise SepdiarError("SD204", f"the chain has no stage {stage!r}: {', '.join(chain)}")
    behind, end = chain.index(first) + 1, chain.index(last) + 1
    stages = replace(config, values={**config.values, "chain": list(chain[:end])}).pipeline().stages
    return Pipeline(stages[:behind]), Pipeline(stages[behind:])


def only(pipeline: Pipeline, stage: str) -> Pipeline:
    """The one stage of that name."""
    return Pipeline([one for one in pipeline.stages if one.name == stage])


def session(file: Path) -> str:
    """What a recording is called in files of columns: its stem, and a line for whatever could not stand there.

    >>> session(Path("shows/my talk (2).mp3"))
    'my_talk_(2)'
    """
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+|^[;#]+", "_", file.stem)


@contextmanager
def opened(file: str | Path) -> Iterator[Take]:
    """The recording before its first stage; SD101 to SD104 where there is none."""
    source = Path(file)
    try:
        sha256 = content_hash(source)
    except SepdiarError as error:
        hint = "sepdiar process takes folders." if source.is_dir() else error.hint
        raise SepdiarError(error.code, error.what, where=str(source), hint=hint) from error
    recording = Recording(session(source), str(source), sha256)
    with TemporaryDirectory(prefix="sepdiar-") as place:
        item, scratch = Path(place) / "item", Path(place) / "scratch"
        item.mkdir()
        scratch.mkdir()
        yield Take(Conversation(recording), source, item, scratch)


def advance(take: Take, pipeline: Pipeline, listen: Listener) -> Take:
    """The take behind the stages of a pipeline."""
    pipeline.open()
    return pipeline.run(take, listen)


def undivided(take: Take) -> Take:
    """A monologue: what was recorded is the one speaker's track."""
    audio, path = take.sound, take.item / "whole.wav"
    with soundfile.SoundFile(os.fsencode(path), "w", audio.rate, audio.channels, "FLOAT", format="RF64") as into:
        for _, frames in blocks(audio):
            into.write(frames)
    whole = Span(0, audio.samples)
    tracks = [Track(name, path.name, int(name == "RIGHT"), whole) for name in take.conversation.speakers]
    return take.with_value(tracks=tuple(tracks))


def write_speakers(take: Take, folder: Path, stem: str) -> dict[str, Path]:
    """STEM-1.wav, STEM-2.wav, ... in order of first speaking; speakers who share a channel share a file."""
    places: dict[str, tuple[Track, ...]] = {}
    for speaker in take.conversation.speakers:
        own = (replace(track, speaker="") for track in take.conversation.tracks if track.speaker == speaker)
        if tracks := tuple(sorted(own, key=lambda track: track.span)):
            places[speaker] = tracks
    files = {tracks: folder / f"{stem}-{number}.wav" for number, tracks in enumerate(dict.fromkeys(places.values()), start=1)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_overwriting(take.file, *files.values())
        for tracks, path in files.items():
            _write(path, take, tracks)
    except OSError as error:
        raise from_os_error(error, str(folder)) from error
    return {speaker: files[tracks] for speaker, tracks in places.items()}


def _write(path: Path, take: Take, tracks: Sequence[Track]) -> None:
    """Each track at its place, silence between: integers all the way, so that no sample changes."""
    recording = take.conversation.recording
    subtype = soundfile.info(os.fsencode(take.item / tracks[0].file)).subtype
    at = 0
    with soundfile.SoundFile(os.fsencode(path), "w", recording.rate, 1, subtype, format="WAV") as into:
        for track in tracks:
            _silence(into, track.span.start - at)
            with soundfile.SoundFile(os.fsencode(take.item / track.file)) as dialogue:
                for frames in dialogue.blocks(BLOCK, dtype="int32", always_2d=True):
                    into.write(frames[:, track.channel])
            at = track.span.end
        _silence(into, recording.samples - at)


def _silence(into: soundfile.SoundFile, samples: int) -> None:
    for start in range(0, samples, BLOCK):
        into.write(np.zeros(min(BLOCK, samples - start), np.int32))
