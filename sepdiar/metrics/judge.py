"""The stage that says, without any truth to compare with, what a conversation is like and what became of it."""

from __future__ import annotations

from collections.abc import Iterable

from sepdiar.conversation import Conversation, Score, Span, Track, intersected, merged
from sepdiar.events import Listener
from sepdiar.metrics.floor import talks, transfers
from sepdiar.pipeline import Stage, Take

OF_OVERLAP = ("overlap", "mixed", "overlapped-transfers")


class Judge(Stage):
    """Figures that add over recordings; those of time count seconds, since rates differ."""

    name = "judge"
    requires = frozenset({"tracks"})
    provides = frozenset({"scores"})

    def run(self, take: Take, emit: Listener) -> Take:
        return take.with_value(scores=judge(take.conversation))


def judge(conversation: Conversation) -> tuple[Score, ...]:
    """The figures of one conversation.

    speech: somebody speaks, of the recording · overlap: several do, of that · damaged: kept as silence, of the recording ·
    mixed: on a channel where the other side is heard too, of all speech on channels · left: on channel 0, of the same ·
    turns: a minute · overlapped-transfers: changes of speaker in which the next begins before the last has stopped ·
    confidence: the mean that the recogniser gave to a word

    Where the diarizer hears no overlap, the three that need it are left out: none found would not mean that there is none.
    """
    turns, rate, seconds = conversation.turns, conversation.recording.rate, conversation.recording.seconds

    def time(spans: Iterable[Span]) -> float:
        return sum(map(len, spans)) / rate

    speech = time(merged(turn.span for turn in turns))
    overlap = time(merged(part for turn in turns for part in turn.overlap))
    spoken: dict[int, float] = {0: 0.0, 1: 0.0}
    mixed = 0.0
    for (_, channel), tracks in _channels(conversation).items():
        speakers = {track.speaker for track in tracks}
        spoken[channel] += time(intersected([tracks[0].span], (turn.span for turn in turns if turn.speaker in speakers)))
        mixed += time(stretch.span for stretch in tracks[0].stretches if stretch.origin == "mixed")
    passed = transfers(talks(turns))
    sure = [word.confidence for turn in turns for word in turn.words if word.confidence is not None]
    scores = (
        Score("speech", speech, seconds, "seconds"),
        Score("overlap", overlap, speech, "seconds"),
        Score("damaged", time(conversation.recording.damaged), seconds, "seconds"),
        Score("mixed", mixed, sum(spoken.values()), "seconds"),
        Score("left", spoken[0], sum(spoken.values()), "seconds"),
        Score("turns", len(turns), seconds / 60, "turns per minute"),
        Score("overlapped-transfers", sum(one.offset < 0 for one in passed), len(passed), "changes of speaker"),
        Score("confidence", sum(sure), len(sure), "words"),
    )
    return scores if _overlap_is_heard(conversation) else tuple(score for score in scores if score.name not in OF_OVERLAP)


def _overlap_is_heard(conversation: Conversation) -> bool:
    if any(stretch.origin == "recorded" for track in conversation.tracks for stretch in track.stretches):
        return True
    return all(step.parameters.get("hears_overlap", True) for step in conversation.provenance)


def _channels(conversation: Conversation) -> dict[tuple[str, int], list[Track]]:
    """The tracks of each channel of each file: several where speakers share it, with the same stretches."""
    channels: dict[tuple[str, int], list[Track]] = {}
    for track in conversation.tracks:
        channels.setdefault((track.file, track.channel), []).append(track)
    return channels
