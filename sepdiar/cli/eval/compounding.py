"""What stages cost in recordings of your own: compounding, overlap."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import click

from sepdiar.cli import options, say
from sepdiar.corpora import LAYOUTS

CORPUS = click.argument("oracle_dir", type=options.PATH)
measuring = options.several(
    click.option(
        "--layout", metavar="NAME", help=f"How the folder is laid out, else it is told by what is in it: {', '.join(LAYOUTS)}."
    ),
    options.limit,
    options.recipe,
    options.config,
    options.separator,
    options.diarizer,
    options.recognizer,
    options.device,
    options.settings,
    options.workers,
    options.log_format,
    options.machine,
)


def _out(what: str) -> Callable[[Any], Any]:
    return click.option("--out", type=options.PATH, required=True, metavar="DIR", help=f"results.json{what}; it continues.")


@click.command()
@CORPUS
@_out(", the tables, a picture")
@measuring
def compounding(**chosen: Any) -> None:
    """What each stage costs, alone and together.

    ORACLE_DIR holds recordings whose truth is known: two channels or more, one speaker each, with turns and words. Each is mixed
    down, and the chain runs with each of separation, diarization and recognition either the system's or the truth's. What
    sepdiar simulate writes is such a folder.
    """
    from sepdiar.evaluation.compounding import run, sheets

    _measured(run.compounding, sheets, **chosen)


@click.command()
@CORPUS
@_out(" and the tables")
@click.option("--turns", type=click.Choice(["true", "found"]), default="true", help="Whose turns the chains are given. [true]")
@measuring
def overlap(**chosen: Any) -> None:
    """What separation gives and what it costs.

    ORACLE_DIR is as for compounding. Beside it stand the figures of Raj et al. (2021).
    """
    from sepdiar.evaluation.compounding import overlap as raj

    _measured(raj.overlap, raj, **chosen)


def _measured(measure: Callable[..., Any], page: ModuleType, log_format: str, machine: bool, **chosen: Any) -> None:
    from sepdiar.cli.display import listening
    from sepdiar.evaluation.page import show

    with listening(log_format) as listen:
        results = measure(**chosen, listen=listen)
    if machine:
        say.as_json(results)
    else:
        show(list(page.sheets(results)), page.notes(results))
