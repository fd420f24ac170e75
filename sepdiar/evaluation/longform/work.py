"""One way over some recordings: `python -m sepdiar.evaluation.longform.work DIALOGUE... --separator X --way W --out DIR`.

A process of its own, so that its memory and its time are known.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sepdiar import registry
from sepdiar.audio.source import Audio
from sepdiar.config import resolve
from sepdiar.conversation import Conversation, Turn
from sepdiar.diarization.stage import Diarize
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.heard import unpacked
from sepdiar.evaluation.longform.ways import WAYS, joined, stock
from sepdiar.events import silence
from sepdiar.formats import read_conversation
from sepdiar.metrics.sides import open_audio
from sepdiar.pipeline import Take
from sepdiar.separation import Blind
from sepdiar.simulation.truth import FILES
from sepdiar.testing.oracle import Oracle

ORACLE = "oracle"
LEAK, NOISE = 0.1, 0.1
SETTINGS = ("voice", "context_seconds", "anchor_seconds", "doubt")  # of the chain that ships; the oracle does without


def main(arguments: Sequence[str] | None = None) -> int:
    """Separate and assemble each recording; `DIR/NAME/` gets what the chain would write of it."""
    asked = _asked(arguments)
    try:
        blind = None if asked.separator == ORACLE else _loaded(asked.separator)
        for number, folder in enumerate(asked.dialogues):
            _one(asked, folder, blind, number)
    except SepdiarError as error:
        print(error, file=sys.stderr)
        return error.exit
    return 0


def _one(asked: Namespace, folder: Path, blind: Blind | None, number: int) -> None:
    true = read_conversation(folder / FILES["conversation"])
    item = asked.out / folder.name
    item.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=asked.out) as place:
        scratch = Path(place)
        audio: Audio = unpacked(open_audio(folder / FILES["mixture"]), scratch / "mixture.f32")
        if blind is None:
            channels = unpacked(open_audio(folder / FILES["channels"]), scratch / "channels.f32")
            blind = Oracle(audio, channels, leak=LEAK, noise=NOISE, seed=asked.seed + number)
            audio = blind.audio
        take = Take(Conversation(true.recording, true.turns), folder / FILES["mixture"], item, scratch, audio)
        if asked.way == "stock":
            take = stock(take, blind)
        else:
            take = take.with_value(turns=_found(take, asked.diarizer)) if asked.diarizer else take
            chain = {} if asked.separator == ORACLE else resolve(environ={}).section("separate")
            settings = {key: chain[key] for key in SETTINGS if key in chain}
            take = joined(take, blind, asked.separator, settings, everywhere=asked.way == "everywhere")
    (item / FILES["conversation"]).write_text(take.conversation.to_json() + "\n", encoding="utf-8")


def _found(take: Take, diarizer: str) -> tuple[Turn, ...]:
    stage = Diarize(diarizer)
    stage.check()
    stage.open()
    return stage.run(replace(take, conversation=replace(take.conversation, turns=())), silence).conversation.turns


def _loaded(separator: str) -> Blind:
    made = registry.make("separator", separator, {})
    if not isinstance(made, Blind):
        raise SepdiarError("SD201", f"{separator} is no separator of mixtures", where="--separator")
    return made


def _asked(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.longform.work", description=__doc__)
    parser.add_argument("dialogues", type=Path, nargs="+", help="folders of simulated dialogues")
    parser.add_argument("--separator", required=True, help=f"{ORACLE}, or the name of a backend")
    parser.add_argument("--way", choices=list(WAYS), required=True)
    parser.add_argument("--diarizer", default="", help="a diarizer; without it the true turns")
    parser.add_argument("--seed", type=int, default=0, help="of the oracle")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
