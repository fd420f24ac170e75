"""Words that a channel has from the other one: the same text at the same time, where the other channel is the louder one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sepdiar.asr.channel import Channel
from sepdiar.asr.sounding import power
from sepdiar.conversation import Span, Word
from sepdiar.metrics.recognition import NORMALIZERS

APART = 0.3  # seconds: the most between the middles of what may be one word heard twice, since recognisers' times err
LOUDER = 6.0  # decibels
LEAST = 1e-12  # the power of what is silent

NORMAL = NORMALIZERS["basic"][1]


@dataclass(frozen=True)
class Told:
    """The words of two channels without leaks, how many leaked, and how many pairs are `twice` there, on either channel.

    In those neither channel is the louder one: two people said the same, or nobody can tell who said it.
    """

    words: tuple[list[Word], list[Word]]
    leaked: int
    twice: int


def told_apart(channels: tuple[Channel, Channel], words: tuple[Sequence[Word], Sequence[Word]]) -> Told:
    """The words of a dialogue's two channels, on the recording's clock, without those that leaked from one into the other.

    A word is a leak where the other channel has it too, less than 0.3 s away, and is 6 dB louder there, both as it is and
    against the level of its own speech: a soft voice that says "yes" with a loud one did not get it from there, and neither
    does a channel that was recorded at a lower gain.
    """
    leaks: tuple[set[int], set[int]] = (set(), set())
    twice = set()
    for left, right in _pairs(words, round(2 * APART * channels[0].native.rate)):
        one, other = words[0][left].span, words[1][right].span
        louder = _louder(channels, Span(min(one.start, other.start), max(one.end, other.end)))
        if abs(louder) < LOUDER:
            twice.add((left, right))
        elif louder > 0:
            leaks[1].add(right)
        else:
            leaks[0].add(left)
    kept = [[word for index, word in enumerate(own) if index not in gone] for own, gone in zip(words, leaks, strict=True)]
    left_over = sum(left not in leaks[0] and right not in leaks[1] for left, right in twice)
    return Told((kept[0], kept[1]), sum(map(len, leaks)), left_over)


def _pairs(words: tuple[Sequence[Word], Sequence[Word]], apart: int) -> Iterator[tuple[int, int]]:
    """The indices of every word of the first channel and of the same one near it in the second; `apart` is in half samples."""
    here, there = (sorted((_middle(word), index) for index, word in enumerate(own)) for own in words)
    texts = [[NORMAL(word.text) for word in own] for own in words]
    first = 0
    for middle, left in here:
        while first < len(there) and there[first][0] < middle - apart:
            first += 1
        for other, right in there[first:]:
            if other > middle + apart:
                break
            if texts[0][left] and texts[0][left] == texts[1][right]:
                yield left, right


def _middle(word: Word) -> int:
    """In half samples, so that it is a whole number."""
    return word.span.start + word.span.end


def _louder(channels: tuple[Channel, Channel], span: Span) -> float:
    """By how many decibels the first channel is louder than the second, above 0, or less loud, below.

    As they are and against their own levels, the lesser of both; 0 where these two disagree.
    """
    own, other = (max(power(channel.native, span.shift(-channel.span.start)), LEAST) for channel in channels)
    levels = [max(channel.sounding.level, LEAST) for channel in channels]
    plain = 10 * math.log10(own / other)
    relative = plain - 10 * math.log10(levels[0] / levels[1])
    return math.copysign(min(abs(plain), abs(relative)), plain) if plain * relative > 0 else 0.0
