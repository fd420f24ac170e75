"""What doubt costs, and what it saves: `python -m sepdiar.evaluation.doubt FOLDER...`.

Dialogues of two, as `sepdiar simulate` writes them, go through the diarizer and the joiner of the default recipe; those in which
it finds more or fewer people are left out. Its slices, a stretch or about a second each, are held against the truth where two
speak at once: the difference of the two sources, 0 in moments in which they hardly lie apart (with a doubt of 0 these are given
too), against that of the true channels. For each doubt: of the slices the share of which something is given to speakers; how many
of these the wrong way round, and where 95 % of such counts lie (Poisson); and by how many dB the difference comes nearer to the
true one, 0 for what stays together and 30 at most: its mean goes by seconds, its interval (95 %) is a bootstrap over dialogues.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio
from sepdiar.config import resolve
from sepdiar.conversation import Conversation, Span, Turn, intersected, within
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.command import command
from sepdiar.evaluation.figures import rates
from sepdiar.events import silence
from sepdiar.formats import read_conversation
from sepdiar.formats.segments import speech
from sepdiar.metrics.sides import open_audio, open_tracks
from sepdiar.pipeline import Take
from sepdiar.separation.decide import Account
from sepdiar.separation.plan import overlapped
from sepdiar.separation.slices import Sliced, decided
from sepdiar.separation.stage import Separate
from sepdiar.simulation.truth import FILES

DOUBTS = (0.0, 8.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0, 24.0, 28.0)
LEAST = 0.05  # seconds in which two are heard, in truth and by the diarizer, of a slice that is judged
WRONG = -0.1  # of the correlation of the differences: below it, a slice is given the wrong way round
BEST = 30.0  # dB


@dataclass(frozen=True)
class Judged:
    """Of a slice: the correlation with the truth in order 0, and how much nearer to it each order brings, in dB; seconds."""

    alike: float
    nearer: tuple[float, float]
    seconds: float


Row = tuple[Judged, int, bool]
"""A slice, the order that was decided, and whether it is given."""


class Chain:
    """The diarizer and the joiner of the default recipe."""

    def __init__(self, speakers: int = 0) -> None:
        recipe = resolve(flags={"diarize.speakers": speakers}, environ={})
        stages = {stage.name: stage for stage in recipe.stages()}
        self._diarize, separate = stages["diarize"], stages["separate"]
        for stage in (self._diarize, separate):
            stage.open()
        if not isinstance(separate, Separate) or not separate.joiner:
            raise SepdiarError("SD202", "a separator that knows its speakers has no doubt", where="separate.backend")
        self._joiner = separate.joiner

    def judged(self, folder: Path) -> dict[float, list[Row]]:
        """Every slice of a dialogue that can be judged, with what each doubt makes of it."""
        true = read_conversation(folder / FILES["conversation"])
        if len(true.tracks) != 2 or len(speech(true.turns)) != 2:
            raise SepdiarError("SD601", "no dialogue of two, one on each of two channels", where=str(folder))
        audio, channels = open_audio(folder / FILES["mixture"]), open_tracks(true, folder)
        with TemporaryDirectory() as place:
            take = Take(Conversation(true.recording), folder / FILES["mixture"], Path(place), Path(place), audio)
            turns = self._diarize.run(take, silence).conversation.turns
        rows: dict[float, list[Row]] = {doubt: [] for doubt in DOUBTS}
        if len({turn.speaker for turn in turns}) != 2:
            return rows
        first, together = like_the_first(true, turns), _both(true)
        for region, found in self._joiner.slices(audio, turns, overlapped(turns)):
            windows = list(found)
            sign = 1 if region.pair[0] == first else -1
            both = intersected(region.stretches, together)
            marks = {
                any_doubt: [list(judgements(one, both, channels, sign, any_doubt)) for one in windows]
                for any_doubt in (False, True)
            }
            for doubt in DOUBTS:
                for (_, orders, given), mine in zip(decided(windows, Account(), doubt), marks[doubt > 0], strict=True):
                    told = zip(mine, orders, given, strict=True)
                    rows[doubt] += [(mark, order, sure) for mark, order, sure in told if mark]
        return rows


def like_the_first(true: Conversation, turns: Sequence[Turn]) -> str:
    """Who of the two in the turns is the speaker of the first track."""
    said, meant = speech(turns), speech(true.turns)
    one, other = said
    first, second = (meant[track.speaker] for track in true.tracks)

    def common(left: Sequence[Span], right: Sequence[Span]) -> int:
        return sum(map(len, intersected(left, right)))

    straight = common(said[one], first) + common(said[other], second)
    return one if straight >= common(said[one], second) + common(said[other], first) else other


def judgements(one: Sliced, both: Sequence[Span], channels: Audio, sign: int, doubt: bool = False) -> Iterator[Judged | None]:
    """Of each slice of a window, None where two speak for too short; `sign` is -1 where the channels are the other way round.

    With any `doubt`, moments in which the sources hardly lie apart stay together.
    """
    start, sources = one.heard.span.start, one.arranged([0] * len(one.cases), doubt)
    for part in one.parts:
        parts = within(part, both)
        if sum(map(len, parts)) < LEAST * one.heard.rate:
            yield None
            continue
        made = np.concatenate([sources[:, span.start - start : span.end - start] for span in parts], axis=1)
        true = np.concatenate([channels.read(span) for span in parts])
        yield judgement(made[0] - made[1], sign * (true[:, 0] - true[:, 1]), one.heard.rate)


def judgement(made: NDArray[np.float32], true: NDArray[np.float32], rate: int) -> Judged:
    """Of the difference of two sources, against the true one."""
    made, true = made.astype(np.float64), true.astype(np.float64)
    whole, scale = float(true @ true), float(np.sqrt((true @ true) * (made @ made)))
    left = [max(float(((true - turned) ** 2).sum()) / max(whole, 1e-12), 10 ** (-BEST / 10)) for turned in (made, -made)]
    nearer = [-10 * float(np.log10(share)) for share in left]
    return Judged(float(made @ true) / scale if scale else 0.0, (nearer[0], nearer[1]), len(true) / rate)


def _both(true: Conversation) -> tuple[Span, ...]:
    first, second = (speech(true.turns)[track.speaker] for track in true.tracks)
    return intersected(first, second)


def figures(dialogues: Sequence[Sequence[Row]]) -> dict[str, Any]:
    """Of one doubt over dialogues."""
    rows = [row for dialogue in dialogues for row in dialogue]
    given = [mark.alike * (1 - 2 * order) for mark, order, sure in rows if sure and mark.alike]  # 0: all of it stays together
    wrong = sum(alike < WRONG for alike in given)
    sums = np.array([[_gain(dialogue), sum(mark.seconds for mark, _, _ in dialogue)] for dialogue in dialogues if dialogue])
    draws = bootstrap.drawn(len(sums)) @ sums
    return {
        "given": round(len(given) / len(rows), 4),
        "wrong": wrong,
        "wrong_interval": tuple(round(end, 1) for end in rates(wrong, 1.0)),
        "nearer_db": round(float(sums[:, 0].sum() / sums[:, 1].sum()), 2),
        "interval": bootstrap.interval(draws[:, 0] / draws[:, 1], 2) if len(sums) > 1 else None,
    }


def _gain(dialogue: Sequence[Row]) -> float:
    return sum(mark.nearer[order] * mark.seconds for mark, order, sure in dialogue if sure)


def found_in(folders: Sequence[Path]) -> list[Path]:
    """The dialogues in the folders, each of which may be one itself. SD101: there is none."""
    found = {file.parent: None for folder in folders for file in sorted(folder.rglob(FILES["mixture"]))}
    if not found:
        raise SepdiarError("SD101", f"no {FILES['mixture']}", where=", ".join(map(str, folders)))
    return list(found)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table as JSON."""
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.doubt", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="of simulated dialogues of two, with their truth")
    parser.add_argument("--speakers", type=int, default=0, choices=(0, 2), help="what the diarizer is told; 0: it finds out")
    asked = parser.parse_args(arguments)
    chain = Chain(asked.speakers)
    judged = []
    for folder in found_in(asked.folders):
        judged.append(chain.judged(folder))
        print(f"done  {folder.name}", file=sys.stderr)
    if not any(rows[DOUBTS[0]] for rows in judged):
        raise SepdiarError("SD602", "nowhere do two speak at once, and are found", where=str(asked.folders[0]))
    table = {f"{doubt:g}": figures([rows[doubt] for rows in judged]) for doubt in DOUBTS}
    of_each = [rows[DOUBTS[0]] for rows in judged]
    facts = {
        "dialogues": len(judged),
        "left_out": sum(not rows for rows in of_each),
        "slices": sum(map(len, of_each)),
        "seconds": round(sum(mark.seconds for rows in of_each for mark, _, _ in rows), 1),
    }
    print(json.dumps({**facts, "doubt": table}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
