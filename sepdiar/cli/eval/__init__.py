"""Measuring a chain against recordings whose truth is known: `sepdiar eval NAME`."""

from __future__ import annotations

import click

from sepdiar.cli.group import Commands

EVALUATIONS: dict[str, str] = {
    "compounding": "eval.compounding",
    "overlap": "eval.compounding",
    "wsj0mix": "eval.two_speakers",
    "wham": "eval.two_speakers",
    "whamr": "eval.two_speakers",
    "librimix": "eval.two_speakers",
    "libricss": "eval.meetings",
    "simulated-libricss": "eval.meetings",
    "ami": "eval.meetings",
    "voxconverse": "eval.meetings",
    "chime6": "eval.meetings",
}
"""Command -> file of this package that holds a click command of that name."""


@click.group(cls=Commands, modules=EVALUATIONS)
def eval() -> None:
    """How far a chain is from the truth: what each stage costs, and the benchmarks of the field.

    The recordings are yours. NAME --help says how their folder looks; a command that misses something says what, and who gives it
    under which licence. compounding and overlap read any corpus with a channel a speaker (--layout).
    """
