"""What is said: utterances drawn for two speakers without end, or the lines of a script in their order."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.simulation.manifest import BACKCHANNEL, Utterance
from sepdiar.simulation.speech import Speech, is_turn, listen_to
from sepdiar.simulation.turntaking import BACKCHANNEL_LENGTH, HOLDS, TURN, Floor, Placed, drawn

LONGEST = 20.0  # seconds that one person speaks on; what is longer is cut
CANDIDATES = 4  # utterances looked at for one of about the length wanted
ATTEMPTS = 6  # at a turn that still fits before the end
KEPT = 32  # utterances in memory

Said = Iterator[tuple[Placed, Speech]]


class Ears:
    """Listens to utterances, remembers the latest, and counts them."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.silent: set[str] = set()
        self.uses: Counter[str] = Counter()
        self._kept: OrderedDict[str, Speech | None] = OrderedDict()

    def hear(self, utterance: Utterance) -> Speech | None:
        """What is audible in it; None where nothing is."""
        if utterance.id not in self._kept:
            self._kept[utterance.id] = listen_to(utterance, self.rate)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(utterance.id)
        heard = self._kept[utterance.id]
        if heard is None:
            self.silent.add(utterance.id)
        return heard


class Voice:
    """One speaker's utterances: each is used once before any is used again, in an order drawn anew each time."""

    def __init__(self, utterances: Sequence[Utterance], ears: Ears, rng: Generator) -> None:
        self.speaker = utterances[0].speaker
        self._ears, self._rng = ears, rng
        self._short = [utterance for utterance in utterances if utterance.is_short]
        self._long = [utterance for utterance in utterances if not utterance.is_short] or self._short
        self._next: dict[bool, deque[Utterance]] = {False: deque(), True: deque()}

    def turn(self, seconds: float, most: float) -> Speech:
        """Something of about `seconds`, at most `most` where it can be cut or is longer than `LONGEST`."""
        speech = self._draw(False, seconds)
        length = len(speech) / self._ears.rate
        if (speech.can_be_cut and length > 1.4 * seconds) or length > min(most, LONGEST):
            speech = excerpt(speech, min(seconds, most), self._ears.rate, self._rng)
        return speech

    def backchannel(self, seconds: float) -> Speech:
        """Something short: a short utterance whole where there is one and it is long enough, else a part of a longer one."""
        speech = self._draw(bool(self._short) and seconds <= BACKCHANNEL_LENGTH[3] / 1.5, seconds)
        return excerpt(speech, seconds, self._ears.rate, self._rng) if len(speech) > 1.4 * seconds * self._ears.rate else speech

    def _draw(self, short: bool, seconds: float) -> Speech:
        while stock := (self._short if short else self._long):
            waiting = self._next[short]
            if not waiting:
                waiting.extend(stock[i] for i in self._rng.permutation(len(stock)))
            first = [waiting.popleft() for _ in range(min(CANDIDATES, len(waiting)))]
            utterance = min(first, key=lambda one: _unlike(one, seconds))
            waiting.extendleft(one for one in reversed(first) if one is not utterance)
            if speech := self._ears.hear(utterance):
                self._ears.uses[utterance.id] += 1
                return speech
            stock.remove(utterance)
        raise SepdiarError("SD120", f"in no utterance of {self.speaker}")


def converse(voices: Sequence[Voice], floor: Floor, samples: int) -> Said:
    """Two people talking until `samples` are full: turns drawn, changed or held, with backchannels inside them."""
    rng = floor.rng
    speaking = int(rng.integers(2))
    while True:
        voice, listener = voices[speaking], voices[1 - speaking]
        for _ in range(ATTEMPTS):
            left = (samples - floor.end) / floor.rate - 0.3
            speech = voice.turn(min(drawn(rng, TURN), max(left, 0.3)), max(left, 0.3))
            if placed := floor.say(voice.speaker, speech, samples):
                break
        else:
            return
        yield placed, speech
        yield from _interjections(listener, floor)
        if rng.random() >= HOLDS:
            speaking = 1 - speaking


def _interjections(listener: Voice, floor: Floor) -> Said:
    """Backchannels in the latest turn, as many and as long as overlap is owed and there is room."""
    while (room := floor.room(listener.speaker)) > BACKCHANNEL_LENGTH[2]:
        owed = floor.owed_by_backchannels
        seconds = min(max(drawn(floor.rng, BACKCHANNEL_LENGTH), 2 * floor.overlap * owed), room)
        if owed < 0.5 * seconds:
            return
        for shorter in (1.0, 0.7, 0.5):
            token = listener.backchannel(shorter * seconds)
            if placed := floor.interject(listener.speaker, token):
                yield placed, token
                break
        else:
            return


def recite(lines: Sequence[Utterance], ears: Ears, floor: Floor) -> Said:
    """A script: the lines in their order, whole; backchannels inside the line before where they fit, else after it."""
    for line in lines:
        if not (speech := ears.hear(line)):
            raise SepdiarError("SD120", "a line of a script", where=str(line.file))
        ears.uses[line.id] += 1
        placed = floor.interject(line.speaker, speech) if line.role == BACKCHANNEL else None
        if said := placed or floor.say(line.speaker, speech):
            yield said, speech


def excerpt(speech: Speech, seconds: float, rate: int, rng: Generator) -> Speech:
    """A part of about `seconds`, from one pause to another; where none is near, to the end of a word or the quietest point."""
    wanted = round(seconds * rate)
    parts = speech.parts()
    known = speech.words if speech.timed else ()
    clear = [part.start for part in parts if is_turn(speech.samples, part, rate, known)] or [parts[0].start]
    starts = [start for start in clear if len(speech) - start >= wanted] or clear[:1]
    start = starts[int(rng.integers(len(starts)))]
    ends = [part.end for part in parts if part.end > start]
    end = min(ends, key=lambda end: abs(end - start - wanted))
    if not 0.6 * wanted <= end - start <= 1.4 * wanted and len(speech) - start > wanted:
        end = _quietest(speech, start + round(0.7 * wanted), start + round(1.3 * wanted), rate)
    return speech.cut(Span(start, end), rate)


def _quietest(speech: Speech, first: int, last: int, rate: int) -> int:
    last = min(last, len(speech))
    if speech.timed and speech.words:
        return min((word.span.end for word in speech.words if word.span.end > first), default=len(speech))
    step = rate // 100
    energy = np.concatenate([[0.0], np.cumsum(speech.samples[first : last + step].astype(np.float64) ** 2)])
    windows = energy[step:] - energy[:-step]
    return min(last, first + int(np.argmin(windows)) + step // 2) if len(windows) else last


def _unlike(utterance: Utterance, seconds: float) -> float:
    """How far an utterance's stated length is from the one wanted; one that can be cut is never too long."""
    if not utterance.seconds or ((utterance.words or not utterance.text) and utterance.seconds >= seconds):
        return 0.0
    return abs(float(np.log(utterance.seconds / seconds)))
