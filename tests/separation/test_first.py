"""The separator before the diarizer: two tracks that are nobody's, and afterwards each of them given to who speaks there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sepdiar
from sepdiar.assemble.stage import Assemble
from sepdiar.audio.source import ArrayAudio, Audio, FileAudio, InARow, Samples
from sepdiar.config import resolve
from sepdiar.conversation import Conversation, Recording, Span, Turn
from sepdiar.diarization.stage import Diarize
from sepdiar.errors import SepdiarError
from sepdiar.events import silence
from sepdiar.pipeline import Pipeline, Take
from sepdiar.separation.stage import TRACKS, Separate

RATE = 8000
PITCH = {"low": 300, "high": 1900}
SAID = [("low", 0, 6), ("high", 5, 12), ("low", 11, 14), ("high", 34, 40), ("low", 38, 45)]  # with a silence that no window spans


def voice(name: str, seconds: float) -> Samples:
    clock = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * PITCH[name] * clock) * (1 + 0.5 * np.sin(20 * clock))).astype(np.float32)


@pytest.fixture
def channels() -> dict[str, Samples]:
    made = {name: np.zeros(45 * RATE, np.float32) for name in PITCH}
    for name, start, end in SAID:
        made[name][start * RATE : end * RATE] = voice(name, end - start)
    return made


class Halves:
    """Gives what is below 1 kHz and what is above it, with a trace of each in the other, in another order every time."""

    rate, window = RATE, 6.0

    def __init__(self) -> None:
        self.order = np.random.default_rng(1)

    def split(self, mixtures: Samples) -> Samples:
        count = mixtures.shape[1]
        low = np.fft.rfftfreq(count, 1 / RATE) < 1000
        spectra = np.fft.rfft(mixtures)
        below, above = (np.fft.irfft(spectra * half, count) for half in (low, ~low))
        both = np.stack([below + 0.1 * above, 0.9 * above], axis=1).astype(np.float32)
        return np.stack([pair[self.order.permutation(2)] for pair in both])


class ByPitch:
    """Knows everybody by pitch, and never hears more than one at once."""

    rate = RATE
    hears_overlap = False
    asked = 0

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        self.asked, turns, size = audio.samples, [], RATE // 10
        for start in range(0, audio.samples - size + 1, size):
            spectrum = np.abs(np.fft.rfft(audio.read(Span(start, start + size))[:, 0]))
            levels = {name: spectrum[pitch // 10 - 3 : pitch // 10 + 4].max() for name, pitch in PITCH.items()}
            loudest = max(levels, key=lambda name: levels[name])
            if levels[loudest] > 1:
                turns.append(Turn(loudest, Span(start, start + size)))
        return turns


def through(folder: Path, channels: dict[str, Samples], **settings: object) -> tuple[Take, Separate, Diarize]:
    (folder / "item").mkdir()
    (folder / "scratch").mkdir()
    heard = ArrayAudio(sum(channels.values()), RATE)
    value = Conversation(Recording("talk", "talk.wav", "", RATE, heard.samples, 1))
    take = Take(value, folder / "talk.wav", folder / "item", folder / "scratch", heard)
    separate, diarize = Separate("masking", **settings), Diarize("mfcc")  # type: ignore[arg-type]
    separate.use(Halves())
    diarize.made = ByPitch()
    tracks = separate.run(take, silence)
    assert tracks.sources and tracks.sources.nameless and tuple(tracks.sources.audio) == TRACKS
    return diarize.run(tracks, silence), separate, diarize


def test_overlap_is_heard_by_one_who_hears_none_and_each_speaker_has_the_own_voice_throughout(tmp_path, channels) -> None:
    take, separate, diarize = through(tmp_path, channels)
    assert diarize.made.asked == 2 * 45 * RATE, "both tracks are heard as one recording"
    found = [("low" if turn.speaker == "S1" else "high", turn.span.start / RATE, turn.span.end / RATE) for turn in merged(take)]
    assert [name for name, _, _ in found] == [name for name, _, _ in SAID]
    for (_, start, end), (_, begin, stop) in zip(SAID, found, strict=True):
        assert abs(start - begin) < 0.25 and abs(end - stop) < 0.25
    assert take.sources and not take.sources.nameless
    for speaker, name in (("S1", "low"), ("S2", "high")):
        for start, end in ((5.3, 5.8), (11.3, 11.8), (38.3, 39.7)):
            span = Span(round(start * RATE), round(end * RATE))
            source, true = take.sources.audio[speaker].read(span)[:, 0], channels[name][span.start : span.end]
            assert np.square(source - true).sum() < 0.05 * np.square(true).sum(), (speaker, start)
    assert separate.provenance().parameters["first"] is True
    told = diarize.provenance().parameters
    assert told["on_tracks"] is True and told["hears_overlap"] is True


def merged(take: Take) -> list[Turn]:
    return sorted(take.conversation.turns, key=lambda turn: turn.span)


def test_one_speaker_alone_stays_the_input_and_the_channels_add_up_to_it(tmp_path, channels) -> None:
    take, _, _ = through(tmp_path, channels)
    Assemble().run(take, silence)
    made = FileAudio.open(tmp_path / "item" / "dialogue-000.flac").read(Span(0, 45 * RATE))
    heard = take.sound.read(Span(0, 45 * RATE))[:, 0]
    assert np.abs(made[RATE : 4 * RATE, 0] - heard[RATE : 4 * RATE]).max() < 1e-4 and not made[RATE : 4 * RATE, 1].any()
    both = slice(round(38.3 * RATE), round(39.7 * RATE))
    assert np.abs(made[both].sum(axis=1) - heard[both]).max() < 1e-3


def test_everywhere_gives_the_tracks_as_channels(tmp_path, channels) -> None:
    take, _, _ = through(tmp_path, channels, everywhere=True)
    assert take.sources and take.sources.everywhere
    for speaker, name in (("S1", "low"), ("S2", "high")):
        source, true = take.sources.audio[speaker].read(Span(0, 45 * RATE))[:, 0], channels[name]
        assert np.square(source - true).sum() < 0.05 * np.square(true).sum(), (
            "over the silence too, where a track may change hands"
        )


def test_one_voice_needs_no_sources(tmp_path, channels) -> None:
    take, _, _ = through(tmp_path, {**channels, "high": 0 * channels["high"]})
    assert take.conversation.speakers == ("S1",) and take.sources is None


def test_turns_that_are_looked_up_name_the_tracks_too(tmp_path, channels) -> None:
    class LookedUp(ByPitch):
        def of(self, recording: Recording) -> LookedUp:
            return self

        def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
            self.asked = audio.samples
            return [Turn(name, Span(start * RATE, end * RATE)) for name, start, end in SAID]

    (tmp_path / "made").mkdir()
    take, _, diarize = through(tmp_path / "made", channels)
    diarize.made = LookedUp()
    tracks = replace(take, sources=replace(take.sources, nameless=True))
    named = diarize.run(replace(tracks, conversation=replace(take.conversation, turns=())), silence)
    assert diarize.made.asked == 45 * RATE and named.sources and set(named.sources.audio) == {"S1", "S2"}


def test_the_recipe_has_the_other_order_and_only_a_blind_separator_can_take_it() -> None:
    config = resolve("separate-first", environ={}, flags={"diarize.backend": "mfcc", "transcribe.backend": "none"})
    stages = [stage.name for stage in config.pipeline().stages]
    assert stages.index("separate") < stages.index("diarize")
    with pytest.raises(SepdiarError, match=r"SD204.*separate needs turns"):
        resolve("separate-first", environ={}, flags={"separate.backend": "masking", "transcribe.backend": "none"}).pipeline()
    with pytest.raises(SepdiarError, match=r"SD204.*assemble needs turns"):
        Pipeline([stage for stage in config.pipeline().stages if stage.name != "diarize"]).check()


def test_recordings_in_a_row_are_read_across_their_seams() -> None:
    parts = [ArrayAudio(np.arange(start, start + 5, dtype=np.float32), RATE) for start in (0, 5)]
    row = InARow(parts)
    assert row.samples == 10 and row.channels == 1 and row.read(Span(3, 8))[:, 0].tolist() == [3, 4, 5, 6, 7]
    assert row.read(Span(9, 10)).tolist() == [[9.0]] and len(row.read(Span(4, 4))) == 0


def test_the_recipe_finds_who_speaks_in_a_real_mixture(tmp_path: Path, podcasts: Path) -> None:
    clip, rate = tmp_path / "lighthouse.wav", soundfile.info(podcasts / "lighthouse.flac").samplerate
    soundfile.write(clip, soundfile.read(podcasts / "lighthouse.flac", frames=24 * rate)[0], rate)
    found = sepdiar.diarize(clip, recipe="separate-first", speakers=2)
    ends = [(turn.span.start / rate, turn.span.end / rate) for turn in found.turns if len(turn.span) > rate / 4]
    true = [(0.77, 3.76), (3.47, 7.85), (4.21, 4.68), (8.05, 11.8)]  # of examples/truth/lighthouse/truth.rttm
    assert len(found.speakers) == 2
    for known, heard in zip(true, ends[:4], strict=True):
        assert heard == pytest.approx(known, abs=0.35)
