"""The stage that gives every speaker of an overlapped stretch a source of their own, and leaves the rest alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from sepdiar.audio.source import BLOCK, RawAudio, Samples
from sepdiar.backend_stage import BackendStage
from sepdiar.conversation import Span, Turn, merged
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener
from sepdiar.pipeline import Sources, Take
from sepdiar.separation import Separator


class Separate(BackendStage):
    """Calls the separator for the overlapped stretches only; a recording with one speaker a channel passes through."""

    name = "separate"
    kind = "separator"
    requires = frozenset({"audio", "turns"})
    provides = frozenset({"sources"})

    def __init__(self, backend: str = "masking", device: str = "cpu", **tables: Mapping[str, Any]) -> None:
        super().__init__(backend, device, **tables)

    def run(self, take: Take, emit: Listener) -> Take:
        if take.sound.channels == 2:
            return take
        separator: Separator = self.opened
        audio, turns, recording = take.sound, take.conversation.turns, take.conversation.recording.id
        speakers = overlapping(turns)
        paths = {speaker: take.scratch / f"source-{number}.f32" for number, speaker in enumerate(speakers)}
        with ExitStack() as stack:
            files = {speaker: stack.enter_context(path.open("wb")) for speaker, path in paths.items()}
            for window, active in windows(turns):
                sources = separator.separate(audio, window, active)
                for speaker, frames in _whole(sources, window, active, self.backend).items():
                    files[speaker].seek(4 * window.start)
                    files[speaker].write(frames.tobytes())
                emit(Event("stage.progress", recording, {"stage": self.name, "fraction": window.end / audio.samples}))
        made = {speaker: RawAudio(path, audio.rate, audio.samples, bits=audio.bits) for speaker, path in paths.items()}
        return replace(take, sources=Sources(separator.origin, made))


def overlapping(turns: Sequence[Turn]) -> tuple[str, ...]:
    """Everybody who ever speaks at the same time as another, in the order of first speaking."""
    return tuple(dict.fromkeys(turn.speaker for turn in turns if turn.overlap))


def windows(turns: Sequence[Turn], size: int = BLOCK) -> Iterator[tuple[Span, tuple[str, ...]]]:
    """Each maximal overlapped stretch with everybody who speaks in it, by pieces of at most `size` samples."""
    parts = deque(sorted((part, turn.speaker) for turn in turns for part in turn.overlap))
    for stretch in merged(part for part, _ in parts):
        active: dict[str, None] = {}
        while parts and parts[0][0].start < stretch.end:
            active[parts.popleft()[1]] = None
        for start in range(stretch.start, stretch.end, size):
            yield Span(start, min(start + size, stretch.end)), tuple(active)


def _whole(sources: Mapping[str, Samples], window: Span, speakers: Sequence[str], backend: str) -> dict[str, Samples]:
    if set(sources) != set(speakers):
        raise SepdiarError("SD901", f"separator {backend} gave sources for {sorted(sources)}, asked for {sorted(speakers)}")
    whole = {speaker: np.ascontiguousarray(sources[speaker], np.float32) for speaker in speakers}
    for speaker, frames in whole.items():
        if frames.shape != (len(window),) or not np.isfinite(frames).all():
            raise SepdiarError("SD901", f"separator {backend} gave {speaker} {frames.shape}, not {len(window)} finite samples")
    return whole
