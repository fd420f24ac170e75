"""The stage that calls separators: which stretches, by which pieces, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio, Audio, Samples
from sepdiar.conversation import Conversation, Recording, Span, Turn, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.events import silence
from sepdiar.pipeline import Take
from sepdiar.separation.masking import Masking
from sepdiar.separation.plan import everything, overlapped
from sepdiar.separation.stage import Separate

NOISE = np.random.default_rng(3).uniform(-1, 1, 1000).astype(np.float32)
TURNS = mark_overlaps(
    Turn(speaker, Span(start, end)) for speaker, start, end in (("A", 0, 300), ("B", 250, 500), ("A", 480, 700), ("C", 650, 900))
)


def take_in(folder: Path, audio: Audio) -> Take:
    value = Conversation(Recording("talk-0", "talk.wav", "", 1000, 1000, 1), TURNS)
    return Take(value, folder / "talk.wav", folder, folder, audio)


def test_stretches_are_the_overlaps() -> None:
    assert list(overlapped(TURNS)) == [(Span(250, 300), ("A", "B")), (Span(480, 500), ("A", "B")), (Span(650, 700), ("A", "C"))]


def test_overlaps_that_touch_are_one_stretch_with_everybody_in_it() -> None:
    turns = mark_overlaps(Turn(speaker, Span(*span)) for speaker, span in (("A", (0, 50)), ("B", (40, 90)), ("C", (50, 60))))
    assert list(overlapped(turns)) == [(Span(40, 60), ("A", "B", "C"))]


def test_everything_is_cut_where_a_third_begins() -> None:
    assert list(everything(TURNS, 1000)) == [(Span(0, 650), ("A", "B")), (Span(650, 1000), ("A", "C"))]


def test_masking_gives_each_speaker_the_mixture_in_the_overlap_and_nothing_elsewhere(tmp_path: Path) -> None:
    stage = Separate("masking")
    stage.check()
    stage.open()
    sources = stage.run(take_in(tmp_path, ArrayAudio(NOISE, 1000)), silence).sources
    assert sources is not None and sources.origin == "mixed"
    for speaker, spans in {"A": [(250, 300), (480, 500), (650, 700)], "B": [(250, 300), (480, 500)], "C": [(650, 700)]}.items():
        expected = np.zeros(1000, np.float32)
        for start, end in spans:
            expected[start:end] = NOISE[start:end]
        assert (sources.audio[speaker].read(Span(0, 1000))[:, 0] == expected).all()


def test_a_recording_with_one_speaker_a_channel_passes_through(tmp_path: Path) -> None:
    take = take_in(tmp_path, ArrayAudio(np.zeros((1000, 2), np.float32), 1000))
    stage = Separate()
    stage.open()
    assert stage.run(take, silence) is take


def test_provenance_names_the_backend_and_its_parameters() -> None:
    assert Separate("masking").provenance().parameters == {"backend": "masking"}


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        (Separate("nobody"), "SD201"),
        (Separate("masking", masking={"x": 1}), "SD202"),
        (Separate("masking", everywhere=True), "SD202"),
        (Separate("masking", context_seconds=-1), "SD202"),
        (Separate("masking", batch=0), "SD202"),
        (Separate("masking", batch=1.5), "SD202"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_work_is_refused_by_check(stage: Separate, code: str) -> None:
    with pytest.raises(SepdiarError, match=code):
        stage.check()


class Broken(Masking):
    def __init__(self, fault: str) -> None:
        self.fault = fault

    def separate(self, audio: Audio, stretch: Span, speakers: Sequence[str]) -> Mapping[str, Samples]:
        sources = {speaker: frames.copy() for speaker, frames in super().separate(audio, stretch, speakers).items()}
        if self.fault == "missing":
            sources.popitem()
        elif self.fault == "short":
            sources = {speaker: frames[1:] for speaker, frames in sources.items()}
        else:
            sources["A"][0] = np.nan
        return sources


@pytest.mark.parametrize("fault", ["missing", "short", "nan"])
def test_a_separator_that_breaks_its_contract_is_an_error(tmp_path: Path, fault: str) -> None:
    stage = Separate()
    stage.use(Broken(fault))
    with pytest.raises(SepdiarError, match="SD901"):
        stage.run(take_in(tmp_path, ArrayAudio(NOISE, 1000)), silence)
