"""Windows of dialogue drawn in memory, with who speaks when: turn-taking and edges of `sepdiar simulate`, in harder sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray

from sepdiar.audio.source import Samples
from sepdiar.conversation import Span, Word, merged
from sepdiar.errors import SepdiarError
from sepdiar.simulation.manifest import Utterance
from sepdiar.simulation.speech import Speech, audible_in
from sepdiar.simulation.talk import Ears, Voice, converse
from sepdiar.simulation.turntaking import Floor, Placed
from sepdiar.training import augment
from sepdiar.training.corpus import RATE, Clip, Corpus
from sepdiar.training.noise import invented
from sepdiar.training.pitch import CANDIDATES, Pitches

LEVEL = -25.0  # dB of full scale, where most people speak
SPEEDS = ((1.0, 1.0), (0.84, 0.93), (1.08, 1.18))  # the same, slower and faster: three voices of one
REMEMBERED = 10_000  # utterances, a third of a megabyte each at most
Range = tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    """How windows are drawn: the table [windows] of a recipe. What has no unit is a share of the windows.

    One person alone (`alone`), three (`third`) or nobody (`nobody`), else two; `overlap` is the range of its share of speech;
    `whole`: utterances are said whole, else parts of any length. `levels`: a speaker's, in dB around the usual; `volume`: that
    of the whole. `other`: a speaker whose voice speed makes another. `line`: a call, in which each speaks over a telephone line
    of his own. `room`, `band`, `colour` (a microphone) and `noise`, heard at `snr` dB, are of all together; `even`: band edge and
    noise floor of the utterances are evened out, which give speakers away. Where recordings of rooms and noise are given,
    `measured` of those heard are of them. `anchored`: of the windows of two, those that begin with each of the two alone, for
    some of the seconds of `anchor`. `alike`: the second speaker is one of a pitch near that of the first.
    """

    seconds: float = 10.0
    alone: float = 0.08
    third: float = 0.15
    nobody: float = 0.02
    overlap: Range = (0.0, 0.4)
    whole: float = 0.6
    levels: Range = (-5.0, 5.0)
    volume: Range = (-10.0, 5.0)
    other: float = 0.6
    room: float = 0.25
    line: float = 0.0
    band: float = 0.15
    colour: float = 0.25
    noise: float = 0.3
    snr: Range = (3.0, 30.0)
    even: float = 0.5
    measured: float = 0.4
    anchored: float = 0.0
    anchor: Range = (1.0, 2.0)
    alike: float = 0.0


@dataclass(frozen=True)
class Window:
    """Samples; of each speaker heard in them, where he speaks; and which voice of the corpus he has."""

    samples: Samples
    turns: tuple[tuple[Span, ...], ...]
    voices: tuple[int, ...]

    def activity(self, hop: int, speakers: int) -> NDArray[np.bool_]:
        """Who speaks at the middle of each frame of `hop` samples, as (frames, speakers)."""
        middles = np.arange(hop // 2, len(self.samples) + hop // 2, hop)
        found = np.zeros((len(middles), speakers), np.bool_)
        for speaker, spans in enumerate(self.turns):
            for span in spans:
                found[np.searchsorted(middles, span.start) : np.searchsorted(middles, span.end), speaker] = True
        return found


class Dialogues:
    """The speakers of a corpus in conversation, a window at a time; `noises` and `rooms` are used beside invented ones."""

    def __init__(self, corpus: Corpus, drawing: Drawing, noises: Sequence[Samples] = (), rooms: Sequence[Samples] = ()) -> None:
        if drawing.anchored and 2 * drawing.anchor[1] >= drawing.seconds:
            raise SepdiarError(
                "SD202", f"twice {drawing.anchor[1]:g} s is no part of {drawing.seconds:g} s", where="windows.anchor"
            )
        self.drawing, self._noises, self._rooms = drawing, noises, rooms
        self._memory = Memory(corpus)
        self._clips = corpus.by_speaker()
        self._speakers = list(self._clips)
        self._pitches = Pitches(corpus, self._clips) if drawing.alike else None

    @property
    def voices(self) -> int:
        """How many there are to tell apart."""
        return len(SPEEDS) * len(self._speakers)

    def window(self, rng: Generator) -> Window:
        """One window, all of it decided by `rng`."""
        drawing, count = self.drawing, round(self.drawing.seconds * RATE)
        chosen = rng.choice(len(self._speakers), 3, replace=len(self._speakers) < 3)
        alike = self._pitches if drawing.alike and rng.random() < drawing.alike else None
        if alike:
            others = [i for i in rng.permutation(len(self._speakers)).tolist() if i not in chosen[[0, 2]]]
            chosen[1] = alike.nearest(int(chosen[0]), others[:CANDIDATES] or [int(chosen[1])])
        names = [self._speakers[i] for i in chosen]
        kinds = [int(rng.integers(1, len(SPEEDS))) if rng.random() < drawing.other else 0 for _ in names]
        if alike:
            kinds[1] = kinds[0]
        speeds = {name: rng.uniform(*SPEEDS[kind]) for name, kind in zip(names, kinds, strict=True)}
        ears = Hearing(self._memory, speeds)
        shares = drawing.nobody, drawing.alone, 1 - drawing.nobody - drawing.alone - drawing.third, drawing.third
        people = int(rng.choice(4, p=shares))
        gains = [augment.gain(LEVEL + rng.uniform(*drawing.levels)) for _ in names]
        begin = int(rng.integers(5 * RATE))
        lead = 0
        if people == 2 and drawing.anchored and rng.random() < drawing.anchored:
            lead = round(rng.uniform(*drawing.anchor) * RATE)
        heard = Span(begin, begin + count - 2 * lead)
        stems = np.zeros((3, count), np.float32)
        turns: list[list[Span]] = [[], [], []]
        for placed, speech in self._said(names, people, ears, Floor(RATE, rng.uniform(*drawing.overlap), rng), heard.end):
            who = names.index(placed.speaker)
            if who < people:
                _mix(stems[who, 2 * lead :], speech.samples * gains[who], placed.start - begin)
                turns[who] += [span.shift(2 * lead - begin) for own in placed.spans if (span := own & heard)]
        for who in range(2) if lead else ():
            samples, spans = self._alone(names[who], ears, lead, rng)
            stems[who, who * lead : (who + 1) * lead] = samples * gains[who]
            turns[who] += [span.shift(who * lead) for span in spans]
        present = [who for who in range(3) if turns[who]]
        if rng.random() < drawing.room:
            for who in present:
                stems[who] = augment.heard_in(stems[who], self._room(rng))
        if drawing.line and rng.random() < drawing.line:
            for who in present:
                stems[who] = augment.telephone(stems[who], rng)
        samples = self._line(stems.sum(0), ears, rng) * augment.gain(rng.uniform(*drawing.volume))
        voices = tuple(int(chosen[who]) * len(SPEEDS) + kinds[who] for who in present)
        return Window(samples, tuple(merged(turns[who]) for who in present), voices)

    def _said(self, names: Sequence[str], people: int, ears: Ears, floor: Floor, until: int) -> Iterator[tuple[Placed, Speech]]:
        """Two talking; where there are three, one of the two now and then changes place with the one who listens."""
        rng = floor.rng
        text = "said as a whole" if rng.random() < self.drawing.whole else ""
        cast = [Voice([_line(clip, text) for clip in self._clips[name]], ears, rng) for name in names]
        for placed, speech in converse(cast, floor, until + 12 * RATE):
            if placed.start >= until:
                return
            yield placed, speech
            if people == 3 and rng.random() < 0.4:
                place = int(rng.integers(2))
                cast[place], cast[2] = cast[2], cast[place]

    def _alone(self, name: str, ears: Ears, count: int, rng: Generator) -> tuple[Samples, list[Span]]:
        """So much of what a speaker says, and where he is heard in it."""
        samples, spans, at = np.zeros(count, np.float32), list[Span](), 0
        clips = self._clips[name]
        for number in rng.permutation(len(clips)).tolist():
            if at < count and (speech := ears.hear(_line(clips[number]))):
                skipped = int(rng.integers(max(1, len(speech.samples) - (count - at))))
                _mix(samples[at:], speech.samples, -skipped)
                taken = Span(skipped, skipped + count - at)
                spans += [part.shift(at - skipped) for own in speech.spans if (part := own & taken)]
                at += len(speech.samples) - skipped
        return samples, spans

    def _room(self, rng: Generator) -> Samples:
        if self._rooms and rng.random() < self.drawing.measured:
            return self._rooms[int(rng.integers(len(self._rooms)))]
        return augment.response(rng)

    def _line(self, samples: Samples, ears: Hearing, rng: Generator) -> Samples:
        """What comes out at the other end: less of what the microphone and the line take away, and more of the noise."""
        drawing = self.drawing
        even = rng.random() < drawing.even
        edge = ears.band if even else RATE / 2
        if rng.random() < drawing.band:
            edge = min(edge, float(rng.choice([3400, 4000, rng.uniform(3000, 8000)])))
        if rng.random() < drawing.colour:
            samples = augment.hilly(samples, rng, 8.0)
        if edge < 7500:
            samples = augment.low_pass(samples, edge)
        level = ears.floor + rng.uniform(-3, 6) if even else -100.0
        if rng.random() < drawing.noise:
            level = LEVEL - rng.uniform(*drawing.snr)
        if level <= -90:
            return samples
        return samples + self._noise(len(samples), rng) * augment.gain(min(level, -27.0))

    def _noise(self, count: int, rng: Generator) -> Samples:
        """Recorded or invented noise, of power 1."""
        if self._noises and rng.random() < self.drawing.measured:
            noise = self._noises[int(rng.integers(len(self._noises)))]
            noise = np.resize(noise[int(rng.integers(max(1, len(noise) - count))) :], count)
            return augment.even(noise)
        return invented(count, rng)


class Memory:
    """What is audible of each utterance of a corpus; the latest are kept."""

    def __init__(self, corpus: Corpus) -> None:
        self.clips = {clip.id: clip for clip in corpus.clips}
        self._corpus = corpus
        self._kept: dict[str, tuple[NDArray[np.int16], float, Speech] | None] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kept": {}}

    def recall(self, utterance: Utterance) -> Speech | None:
        """As `audible_in`, of an utterance at 16 kHz."""
        if utterance.id not in self._kept:
            if len(self._kept) >= REMEMBERED:
                del self._kept[next(iter(self._kept))]
            speech = audible_in(self._corpus.read(self.clips[utterance.id]), _line(self.clips[utterance.id]), RATE)
            self._kept[utterance.id] = _packed(speech) if speech else None
        kept = self._kept[utterance.id]
        if kept is None:
            return None
        packed, scale, outline = kept
        return Speech(packed * np.float32(scale), outline.spans, (), outline.dips)


class Hearing(Ears):
    """Ears that remember, and hear each speaker at a speed; they know the narrowest band and the highest noise floor so far."""

    def __init__(self, memory: Memory, speeds: Mapping[str, float]) -> None:
        super().__init__(RATE)
        self._memory, self._speeds = memory, speeds
        self.band, self.floor = RATE / 2, -100.0

    def hear(self, utterance: Utterance) -> Speech | None:
        """What is audible in it; where its text is known, it has a word, since then it must not be cut."""
        speech, speed = self._memory.recall(utterance), self._speeds[utterance.speaker]
        if speech is None:
            return None
        clip = self._memory.clips[utterance.id]
        self.band, self.floor = min(self.band, clip.band * speed), max(self.floor, clip.floor)
        samples, spans, dips = speech.samples, speech.spans, speech.dips
        if speed != 1.0:
            samples = soxr.resample(samples, RATE * speed, RATE, quality="MQ")  # exact, for the edges' sake
            spans, dips = (_at_speed(parts, speed) for parts in (spans, dips))
        return Speech(samples, spans, (Word("", spans[0]),) if utterance.text else (), dips)


def _line(clip: Clip, text: str = "") -> Utterance:
    return Utterance(clip.id, clip.speaker, Path(), text, seconds=clip.samples / RATE)


def _packed(speech: Speech) -> tuple[NDArray[np.int16], float, Speech]:
    scale = float(np.abs(speech.samples).max()) / 32767
    outline = Speech(np.zeros(0, np.float32), speech.spans, (), speech.dips)
    return np.rint(speech.samples / np.float32(scale)).astype(np.int16), scale, outline


def _at_speed(parts: Sequence[Span], speed: float) -> tuple[Span, ...]:
    return tuple(Span(int(part.start / speed), int(part.end / speed)) for part in parts)


def _mix(into: Samples, samples: Samples, start: int) -> None:
    """Add `samples` from `start` on, which may be before the beginning."""
    piece = samples[max(0, -start) : max(0, len(into) - start)]
    into[max(0, start) : max(0, start) + len(piece)] += piece
