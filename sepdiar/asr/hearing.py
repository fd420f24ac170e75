"""What a recogniser hears in a conversation, without the words that nobody said there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sepdiar.asr import Session
from sepdiar.asr.channel import Channel
from sepdiar.asr.leaks import told_apart
from sepdiar.asr.utterances import place
from sepdiar.conversation import Word

MESSAGES = {
    "outside": "words outside every turn of their speaker, left out: {}",
    "quiet": "words where their channel is quiet, left out: {}",
    "leaked": "words that leaked from the other channel, left out: {}",
    "twice": "words on both channels at once, which are as loud as each other, left there: {}",
}


@dataclass(frozen=True)
class Heard:
    """The words of each channel on the recording's clock, and how many there were of which kind."""

    words: Sequence[Sequence[Word]]
    counts: Mapping[str, int]

    @property
    def facts(self) -> dict[str, int]:
        """For the record."""
        return {"words": sum(map(len, self.words)), **self.counts}

    def messages(self) -> Iterator[str]:
        """What a user should know."""
        return (message.format(self.counts[kind]) for kind, message in MESSAGES.items() if self.counts[kind])


def heard(session: Session, channels: Sequence[Channel]) -> Heard:
    """The words of every channel, within its turns and where it can be heard, leaks between the two of a dialogue left out."""
    counts = dict.fromkeys(MESSAGES, 0)
    words: list[list[Word]] = []
    for channel in channels:
        said = [channel.here(word) for word in session.transcribe(channel)] if channel.spans else []
        within, outside = place(said, channel.speech)
        audible, quiet = place((word for own in within for word in own), channel.sounding.spans)
        words.append([word for own in audible for word in own])
        counts["outside"] += outside
        counts["quiet"] += quiet
    for left, right in combinations(range(len(channels)), 2):
        if channels[left].file == channels[right].file:
            told = told_apart((channels[left], channels[right]), (words[left], words[right]))
            words[left], words[right] = told.words
            counts["leaked"] += told.leaked
            counts["twice"] += told.twice
    return Heard(words, counts)
