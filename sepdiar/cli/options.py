"""Options that several commands share, so that they are spelled and explained once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class _Path(click.Path):
    """A path; an empty one, as a shell gives for a variable that is not set, would mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty path", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)

recipe = click.option("--recipe", metavar="NAME|FILE", help="What the chain is: sepdiar recipes lists them. Default: embedded.")
config = click.option("--config", type=PATH, metavar="FILE", help="Settings (TOML) that go over the recipe's.")
separator = click.option("--separator", metavar="NAME", help="Another separator: sepdiar backends lists them.")
diarizer = click.option("--diarizer", metavar="NAME", help="Another diarizer.")
recognizer = click.option("--recognizer", metavar="NAME", help='Another recognizer; "none" for no words.')
speakers = click.option("--speakers", type=click.IntRange(min=1), metavar="N", help="How many people speak, where it is known.")
pairing = click.option(
    "--pairing",
    type=click.Choice(["dyadic", "main"]),
    help="More than two people: the stretches in which two talk, or one against all others.",
)
device = click.option("--device", metavar="D", help="cpu, cuda, cuda:1, mps.")
use = click.option(
    "--use",
    type=click.Choice(["research", "commercial"]),
    help="What the result is for; a model whose licence is not known to permit it is refused.",
)
salvage = click.option("--salvage", is_flag=True, default=None, help="Keep damaged recordings, the damage as silence.")
settings = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting: --set diarize.speakers=2")
limit = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N recordings.")
workers = click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Recordings at a time.")
engine = click.option("--engine", type=click.Choice(["local"]), default="local", help="Where recordings are worked on.")
timeout = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="What a recording may take, beyond 30 times its length.",
)
machine = click.option("--json", "machine", is_flag=True, help="For programs, on stdout.")
log_format = click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    help="auto: a progress bar on a terminal, plain lines in a pipe.",
)


def several(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Options in the order in which --help shall list them."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


crew = several(workers, engine, timeout)
chain = several(recipe, config, device, salvage, settings)
