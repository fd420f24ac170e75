"""What commands of this room share: how they refuse, and the speech, the rooms and the noise that they are given."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from sepdiar.audio.source import Samples
from sepdiar.cli.say import refusal
from sepdiar.errors import SepdiarError
from sepdiar.training.corpus import Corpus, gather
from sepdiar.training.material import noises, rooms

Given = ParamSpec("Given")


def command(main: Callable[Given, int]) -> Callable[Given, int]:
    """The same `main`, which says a `SepdiarError` as `sepdiar` does and ends with its code."""

    @wraps(main)
    def refusing(*arguments: Given.args, **named: Given.kwargs) -> int:
        try:
            return main(*arguments, **named)
        except SepdiarError as error:
            return refusal(error)

    return refusing


def of_speech(name: str, about: str | None) -> ArgumentParser:
    """The options of the command `name` that `material` reads."""
    parser = ArgumentParser(prog=f"python -m sepdiar.evaluation.{name}", description=about)
    parser.add_argument("--speech", type=Path, required=True, help="manifest (TSV)")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--cache", type=Path, required=True, help="where decoded speech is kept")
    parser.add_argument("--rooms", type=Path, help="a folder of room responses; without it they are made")
    parser.add_argument("--noise", type=Path, help="a folder of noise; without it it is made")
    return parser


def material(asked: Namespace) -> tuple[Corpus, tuple[Samples, ...], tuple[Samples, ...]]:
    """Speech, noises and rooms; of the last two none where they are to be made."""
    corpus = gather(asked.speech, asked.split, asked.cache)
    return corpus, noises(asked.noise) if asked.noise else (), rooms(asked.rooms) if asked.rooms else ()
