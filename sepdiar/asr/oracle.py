"""Which words, read and not heard: what a chain would do if its recogniser made no mistake."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

from sepdiar.asr.channel import Channel
from sepdiar.audio.source import Audio
from sepdiar.conversation import Conversation, Span, Word, intersected, within
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_conversation, read_segments
from sepdiar.formats.segments import TICKS, Segment, of_conversation, speech, spread

TRUTH = "conversation.json"
FORMS = (TRUTH, "*.ctm", "*.seglst.json", "*.seglst", "*.stm")
"""What is looked for in a folder: the first of these that is in it, since a truth may be there in several."""

Place = tuple[str, int]


class Oracle:
    """Words from CTM, SegLST, STM or the conversation.json of a truth, for experiments that ask what the recogniser costs.

    `words` is such a file, or a folder with them at any depth. A recording is looked up as the oracle of diarization does it, in
    a conversation.json by its SHA-256 too. Where only a whole segment has times, they are shared out by the words' lengths.
    """

    rate = 16_000
    uses = ()
    training_grade = True

    def __init__(self, words: str = "") -> None:
        if not words:
            raise SepdiarError("SD202", "a file with words, or a folder of them, is needed", where="transcribe.oracle.words")
        files = _files(Path(words))
        self._place, self._sessions = words, _sessions(files)
        self.model, self.model_sha256 = "words", hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

    def of(self, conversation: Conversation, channels: Sequence[Channel]) -> Known:
        """The words of one recording, each on the channel where it is heard; SD601 where no file has them."""
        recording = conversation.recording
        for name in (recording.sha256, recording.id, Path(recording.path).stem):
            if name and name in self._sessions:
                told = [(one.speaker, Word(one.words, one.span.at_rate(TICKS, recording.rate))) for one in self._sessions[name]]
                return shared(told, channels)
        raise SepdiarError("SD601", f"no words of it in {self._place}", where=recording.path)

    def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
        """Refused: nothing can be known of sound without a name, and the stage asks `of` first."""
        raise SepdiarError("SD202", "words are known by the name of a recording", where="recognizer oracle")


@dataclass(frozen=True)
class Known:
    """The words of one recording on each of its channels, and how many were said where no channel has a turn."""

    words: Mapping[Place, Sequence[Word]]
    unheard: int

    @property
    def facts(self) -> Mapping[str, int]:
        return {"unheard": self.unheard}

    def transcribe(self, channel: Channel) -> Sequence[Word]:
        """The words of a channel, in samples of its audio."""
        heard = ((word, word.span & channel.span) for word in self.words.get(_place(channel), ()))
        return [replace(word, span=channel.there(span)) for word, span in heard if span]


def shared(told: Sequence[tuple[str, Word]], channels: Sequence[Channel]) -> Known:
    """Each word, with its true speaker, on the channel on which one would hear it.

    That is the channel whose turns are most like the speaker's words in time, if it has a turn there; or else the one that has:
    whoever speaks where a turn is somebody else's is heard there.
    """
    said = speech(Segment("", speaker, word.span) for speaker, word in told)
    words: dict[Place, list[Word]] = defaultdict(list)
    heard = set()
    dialogues: dict[str, list[Channel]] = defaultdict(list)
    for channel in channels:
        dialogues[channel.file].append(channel)
    for sides in dialogues.values():
        turns = [intersected([side.span], side.speech) for side in sides]
        own = {speaker: max(range(len(sides)), key=lambda side: _alike(spans, turns[side])) for speaker, spans in said.items()}
        for number, (speaker, word) in enumerate(told):
            held = [sum(map(len, within(word.span, spans))) for spans in turns]
            side = own[speaker] if 2 * held[own[speaker]] >= max(1, len(word.span)) else held.index(max(held))
            if held[side]:
                words[_place(sides[side])].append(word)
                heard.add(number)
    return Known(words, len(told) - len(heard))


def _alike(words: Sequence[Span], turns: Sequence[Span]) -> float:
    """The time in common over the root of the turns' time, so that a channel that is always active is not like everybody."""
    common, whole = (sum(map(len, spans)) for spans in (intersected(words, turns), turns))
    return common / sqrt(whole) if whole else 0.0


def _place(channel: Channel) -> Place:
    return channel.file, channel.tracks[0].channel


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    for form in FORMS:
        if files := sorted(place.rglob(form)):
            return files
    raise SepdiarError("SD206", f"none of {', '.join(FORMS)} in this folder", where=str(place))


def _sessions(files: Iterable[Path]) -> dict[str, list[Segment]]:
    sessions: dict[str, list[Segment]] = {}
    for file in files:
        if file.name == TRUTH:
            value = read_conversation(file)
            words = list(of_conversation(value, each="word"))
            for name in (value.recording.id, Path(value.recording.path).stem, value.recording.sha256):
                sessions.setdefault(name, words)
        else:
            for segment in read_segments(file):
                sessions.setdefault(segment.session, []).extend(spread(segment))
    return sessions
