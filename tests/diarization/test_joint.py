"""Turns and sources from one pass: with an ideal network that knows the truth of each window, at several rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soxr

from sepdiar import registry
from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.config import recipes, resolve
from sepdiar.conversation import Conversation, Recording, Span, Turn
from sepdiar.diarization.joint import Sourced, heard_at_once
from sepdiar.diarization.stage import Diarize
from sepdiar.diarization.windows import Activity, Plan
from sepdiar.errors import SepdiarError
from sepdiar.events import silence
from sepdiar.networks.ear import Ear
from sepdiar.pipeline import Take
from sepdiar.testing import speaker
from sepdiar.testing import speech as said

RATE, SECONDS = 16_000, 45
PLAN = Plan(hop=128, length=625, step=156)
LOCAL = 3


@dataclass(frozen=True)
class Talk:
    """What each of several people says."""

    voices: Samples

    @property
    def mixture(self) -> Samples:
        return self.voices.sum(axis=0)


class Knowing:
    """Hears windows of a talk in the order in which they come, each with its speakers in another order and at other levels."""

    rate = RATE

    def __init__(self, talk: Talk, level: float = 0.5) -> None:
        self.talk, self.level, self.window = talk, level, 0
        self.embedder = Ear("compact-embedding") if len(talk.voices) < 3 else self._whose

    def hear(self, audio: ArrayAudio, speakers: int | None, kept: Path) -> tuple[Sequence[Turn], Sourced]:
        self.window = 0
        return heard_at_once(audio, PLAN, self._both, self.embedder, kept, known=speakers or 0)

    def _whose(self, samples: Samples, keep: Samples) -> Samples:
        """A voice by its loudest sample, which nobody else has, where one speaks alone and the rate is the talk's."""
        loudest = samples[np.abs(samples * keep).argmax()]
        return (self.talk.voices == loudest).any(axis=1).astype(np.float32)

    def _both(self, samples: Samples) -> tuple[Activity, Samples]:
        made = [self._one(len(one)) for one in samples]
        return np.stack([activity for activity, _ in made]), np.stack([sources for _, sources in made])

    def _one(self, size: int) -> tuple[Activity, Samples]:
        start = PLAN.starts(self.talk.voices.shape[1])[self.window] * PLAN.hop
        order = np.random.default_rng(self.window).permutation(LOCAL)
        self.window += 1
        sources = np.zeros((LOCAL, size), np.float32)
        here = self.talk.voices[:, start : start + size]
        sources[order[: len(here)], : here.shape[1]] = here
        loud = np.abs(sources).reshape(LOCAL, -1, PLAN.hop).max(axis=2) > 1e-3
        wide = np.stack([np.convolve(row, np.ones(15), "same") > 0 for row in loud])
        return np.where(wide, 0.98, 0.02).astype(np.float32).T, self.level * sources


def talk(people: int, seconds: int = SECONDS) -> Talk:
    """People who speak in turn, each beginning a second before the one before ends."""
    rng = np.random.default_rng(5)
    voices = np.zeros((people, seconds * RATE), np.float32)
    at, number = RATE // 2, 0
    while True:
        who = number % people
        words = ["".join(rng.choice(list("sktpm")) + rng.choice(list("aeiou")) for _ in range(3)) for _ in range(7)]
        samples, _ = said(words, speaker(3 * who), rate=RATE, seed=number)
        if at + len(samples) > voices.shape[1]:
            return Talk(voices)
        voices[who, at : at + len(samples)] = samples
        at, number = at + len(samples) - RATE, number + 1


def loss(estimate: Samples, truth: Samples) -> float:
    """How far below the truth the error lies, in decibels."""
    return float(10 * np.log10(np.sum((estimate - truth) ** 2) / np.sum(truth**2)))


@pytest.mark.parametrize(("people", "rate"), [(2, 16_000), (2, 22_050), (3, 16_000)])
def test_each_gets_their_own_source_and_the_sources_add_up(tmp_path: Path, people: int, rate: int) -> None:
    told = talk(people)
    voices = soxr.resample(told.voices.T, RATE, rate).T.astype(np.float32)
    audio = ArrayAudio(voices.sum(axis=0), rate)
    stage = Diarize("pixit", speakers=people, sources=True)
    stage.made = Knowing(told)
    recording = Recording("talk", "talk.wav", "", rate, audio.samples, 1)
    take = stage.run(Take(Conversation(recording), tmp_path, tmp_path, tmp_path, audio), silence)
    assert take.conversation.speakers == tuple(f"S{number + 1}" for number in range(people)) and take.sources
    overlaps = sorted({part for turn in take.conversation.turns for part in turn.overlap})
    assert sum(map(len, overlaps)) > 3 * rate
    for part in overlaps:
        sources = {name: source.read(part)[:, 0] for name, source in take.sources.audio.items()}
        assert np.abs(sum(sources.values()) - audio.read(part)[:, 0]).max() < 1e-4
    for number, (name, source) in enumerate(sorted(take.sources.audio.items())):
        own = [part for turn in take.conversation.turns if turn.speaker == name for part in turn.overlap]
        estimate = np.concatenate([source.read(part)[:, 0] for part in own])
        truth = np.concatenate([voices[number, part.start : part.end] for part in own])
        assert loss(estimate, truth) < (-25 if rate == RATE else -15)


def test_a_source_does_not_depend_on_the_piece_that_is_asked_for(tmp_path: Path) -> None:
    told = talk(2, 20)
    audio = ArrayAudio(told.mixture, RATE)
    _, separator = Knowing(told).hear(audio, 2, tmp_path / "kept")
    whole = separator.separate(audio, Span(0, audio.samples), ("1", "2"))
    for part in (Span(0, 9), Span(40_001, 70_003), Span(53_000, 53_001), Span(audio.samples - 5, audio.samples)):
        some = separator.separate(audio, part, ("2", "1"))
        assert all((some[name] == whole[name][part.start : part.end]).all() for name in ("1", "2"))


def test_the_sources_of_three_add_up_at_another_rate(tmp_path: Path) -> None:
    told = talk(3, 20)
    _, separator = Knowing(told).hear(ArrayAudio(told.mixture, RATE), 3, tmp_path / "kept")
    audio = ArrayAudio(soxr.resample(told.mixture, RATE, 22_050), 22_050)
    sources = separator.separate(audio, Span(1000, 300_000), ("1", "2", "3"))
    assert np.abs(sum(sources.values()) - audio.frames[1000:300_000]).max() < 1e-4
    assert all(np.ptp(source) > 0.1 for source in sources.values())


def test_nobody_and_somebody_alone(tmp_path: Path) -> None:
    for voices, expected in ((np.zeros((1, 5 * RATE), np.float32), 0), (talk(1, 8).voices, 1)):
        told = Talk(voices)
        turns, _ = Knowing(told).hear(ArrayAudio(told.mixture, RATE), None, tmp_path / "kept")
        assert len({turn.speaker for turn in turns}) == expected


def test_sources_are_asked_for_where_there_are_any() -> None:
    assert Diarize("pixit", sources=True).provides == {"turns", "sources"} and Diarize("pixit").provides == {"turns"}
    with pytest.raises(SepdiarError, match="SD202") as refused:
        Diarize("compact", sources=True).check()
    assert refused.value.where == "diarize.sources"


def test_the_recipe_has_no_other_separator() -> None:
    values = resolve("pixit", environ={}).values
    assert "pixit" in recipes() and "separate" not in values["chain"] and values["diarize.sources"] is True


def test_what_is_missing_is_named_with_the_command_that_mends_it() -> None:
    row = next(one for one in registry.backends() if one.name == "pixit")
    assert row.available or row.mend == "pip install 'sepdiar[pixit]' && pip install --no-deps asteroid==0.7.0"
